"""Labeling configs that several tests use."""

BOXES = """<View>
  <Image name="image" value="$image"/>
  <RectangleLabels name="label" toName="image">
    <Label value="Car"/><Label value="Person"/>
  </RectangleLabels>
</View>"""

# No tag here takes boxes.
NO_BOXES = """<View>
  <Image name="image" value="$image"/>
  <Choices name="weather" toName="image"><Choice value="Sun"/></Choices>
</View>"""

# Masks from clicks, and nothing that a model could pre-label.
SMART_ALONE = """<View>
  <Image name="image" value="$image"/>
  <BrushLabels name="mask" toName="image"><Label value="Car"/></BrushLabels>
  <KeyPointLabels name="click" toName="image" smart="true"><Label value="Car"/></KeyPointLabels>
</View>"""

NO_COMMON_LABEL = BOXES.replace("Car", "Zebra & co").replace("Person", "Lion")
SMART_BOXES = BOXES.replace("<RectangleLabels", '<RectangleLabels smart="true"')
