"""Draw one standing or walking person, seen from the front, the back or the side."""

from dataclasses import dataclass

import numpy as np

from demo.drawing.canvas import Canvas, Colour, Point, Sprite, dim, pick_colour

SKIN = ((130, 165, 215), (105, 145, 200), (75, 110, 165), (50, 75, 120), (150, 185, 230))
HAIR = ((25, 28, 35), (35, 50, 80), (70, 110, 150), (110, 115, 120), (30, 45, 110))
TOPS = (
    (50, 45, 160), (140, 70, 35), (60, 120, 60), (40, 40, 45), (200, 200, 205), (60, 150, 205),
    (130, 130, 60), (110, 60, 110), (85, 95, 105), (190, 150, 110),
)  # fmt: skip
BOTTOMS = ((90, 60, 35), (45, 42, 40), (95, 100, 105), (70, 95, 120), (120, 95, 60), (60, 70, 60))
COVERALLS = ((215, 220, 222), (70, 195, 220), (190, 150, 90), (85, 105, 85), (40, 110, 225))
HELMETS = ((40, 190, 235), (225, 228, 230), (35, 110, 235), (180, 90, 30), (50, 50, 200))


@dataclass(frozen=True)
class Look:
    """What one person wears and how they stand; lengths as shares of the person's height."""

    view: str  # "front", "back" or "side"
    build: float  # width relative to an average person
    skin: Colour
    hair: Colour
    top: Colour
    bottom: Colour
    shoe: Colour
    coat: bool
    vest: bool
    masked: bool
    headgear: Colour
    stride: float  # radians each leg swings from the vertical


def draw_person(rng: np.random.Generator, scale: float, light: float, masked: bool) -> Sprite:
    """Draw a person at `scale` pixels a metre; `masked` adds helmet, face mask and coverall.

    The pose is drawn first and does not depend on `masked`, so both looks of a seed stand alike.
    """
    height = float(rng.uniform(1.52, 1.95))
    look = _choose_look(rng, masked)
    canvas = Canvas(width=height * 0.9, height=height * 1.16, scale=scale, mirrored=bool(rng.random() < 0.5))
    pen = _Pen(canvas, height, look)
    arms = (_choose_arm(rng), _choose_arm(rng))
    if look.view == "side":
        pen.arm((0.0, 0.79), arms[0], -1.0, 70)
        pen.leg((0.0, 0.5), -look.stride, 70)
        pen.leg((0.0, 0.5), look.stride, 110)
        pen.torso(0.085)
        pen.head()
        pen.arm((0.0, 0.79), arms[1], 1.0, 150)
    else:
        for side in (-1.0, 1.0):
            pen.leg((side * 0.047 * look.build, 0.5), side * abs(look.stride) * 0.35, 100)
        pen.torso(0.115)
        for side, arm in zip((-1.0, 1.0), arms, strict=True):
            pen.arm((side * 0.112 * look.build, 0.79), arm, side, 140)
        pen.head()
    return canvas.finish(light=light, gloss=0.42, rng=rng)


def _choose_look(rng: np.random.Generator, masked: bool) -> Look:
    top, bottom = pick_colour(rng, TOPS), pick_colour(rng, BOTTOMS)
    suit, headgear = pick_colour(rng, COVERALLS, 6), pick_colour(rng, HELMETS, 6)
    coat, vest = bool(rng.random() < 0.2), bool(rng.random() < 0.18)
    return Look(
        view=str(rng.choice(["front", "back", "side"], p=[0.42, 0.16, 0.42])),
        build=float(rng.uniform(0.85, 1.25)),
        skin=pick_colour(rng, SKIN, 6),
        hair=pick_colour(rng, HAIR, 6),
        top=suit if masked else top,
        bottom=suit if masked else bottom,
        shoe=pick_colour(rng, ((35, 35, 38), (210, 210, 210), (50, 70, 100)), 5),
        coat=coat and not masked,
        vest=vest and not coat and not masked,
        masked=masked,
        headgear=headgear,
        stride=float(rng.uniform(0.02, 0.48)),
    )


def _choose_arm(rng: np.random.Generator) -> tuple[float, float]:
    """Return (upper, lower) arm angles in radians from hanging down, outward positive."""
    poses = ((0.12, 0.1), (0.22, 0.35), (0.55, -0.9), (0.25, 1.5), (1.35, 1.6), (0.3, 0.6))
    shares = (0.38, 0.24, 0.12, 0.12, 0.06, 0.08)
    upper, lower = poses[int(rng.choice(len(poses), p=shares))]
    return upper + float(rng.normal(0, 0.08)), lower + float(rng.normal(0, 0.12))


class _Pen:
    """Draw the parts of a person on a canvas; coordinates are shares of the person's height."""

    def __init__(self, canvas: Canvas, height: float, look: Look):
        self._canvas, self._height, self._look = canvas, height, look

    def _at(self, *points: Point) -> list[Point]:
        return [(x * self._height, y * self._height) for x, y in points]

    def _limb(self, a: Point, b: Point, widths: Point, colour: Colour, relief: float) -> None:
        (start, end), (bounds,) = self._at(a, b), self._at(widths)
        self._canvas.limb(start, end, bounds, colour, relief)

    def _oval(self, center: Point, radii: Point, colour: Colour, relief: float, end: float = 6.3) -> None:
        middle, size = self._at(center, radii)
        self._canvas.ellipse(middle, size, colour, relief, end=end)

    def _shape(self, points: list[Point], colour: Colour, relief: float, smooth: int = 1) -> None:
        self._canvas.polygon(self._at(*points), colour, relief, smooth)

    def leg(self, hip: Point, angle: float, relief: float) -> None:
        """Draw one leg from `hip`, swung by `angle` radians; the trailing leg bends at the knee."""
        look = self._look
        knee = (hip[0] + 0.235 * np.sin(angle), hip[1] - 0.235 * np.cos(angle))
        bent = angle - 0.35 if angle < -0.15 and look.view == "side" else angle * 0.6
        foot = (knee[0] + 0.225 * np.sin(bent), max(0.025, knee[1] - 0.225 * np.cos(bent)))
        colour = dim(look.bottom, 0.8) if relief < 90 else look.bottom
        toe = (foot[0] + (0.075 if look.view == "side" else 0.012 * np.sign(angle)), foot[1] - 0.008)
        self._limb(foot, toe, (0.04, 0.032), look.shoe, relief)
        self._limb(hip, knee, (0.09 * look.build, 0.066 * look.build), colour, relief)
        self._limb(knee, foot, (0.066 * look.build, 0.044), colour, relief)

    def torso(self, half: float) -> None:
        """Draw trunk, neck, and coat or vest; `half` is half the shoulder width."""
        look, wide = self._look, half * self._look.build
        waist, hip = wide * 0.76, wide * 0.82
        hem = 0.33 if look.coat else 0.47
        self._limb((0, 0.8), (0, 0.88), (0.05, 0.045), dim(look.skin, 0.85), 100)
        trunk = [(-wide, 0.785), (-wide * 0.5, 0.85), (wide * 0.5, 0.85), (wide, 0.785)]
        trunk += [(waist, 0.62), (hip, hem), (-hip, hem), (-waist, 0.62)]
        self._shape(trunk, look.top, 120)
        self._shape([(x * 0.6, 0.63 + (y - 0.63) * 0.8) for x, y in trunk], look.top, 160)
        if look.vest:
            self._shape([(x * 0.98, max(y, 0.5)) for x, y in trunk], (60, 225, 225), 140)
            for low in (0.56, 0.66):
                edge = wide * 0.8
                self._shape(
                    [(-edge, low), (edge, low), (edge, low + 0.022), (-edge, low + 0.022)],
                    (225, 230, 232),
                    150,
                    0,
                )
        if look.view == "front" and not look.vest:
            self._shape(
                [(-0.006, hem), (0.006, hem), (0.006, 0.84), (-0.006, 0.84)], dim(look.top, 0.7), 110, 0
            )
        if not look.coat:
            self._shape(
                [(-hip, 0.465), (hip, 0.465), (hip, 0.49), (-hip, 0.49)], dim(look.bottom, 0.6), 120, 0
            )

    def arm(self, shoulder: Point, angles: tuple[float, float], side: float, relief: float) -> None:
        """Draw one arm with its hand; `side` is the direction (+1 or -1) in which it swings out."""
        look = self._look
        elbow = (shoulder[0] + side * 0.16 * np.sin(angles[0]), shoulder[1] - 0.16 * np.cos(angles[0]))
        total = angles[0] + angles[1]
        hand = (elbow[0] + side * 0.14 * np.sin(total), elbow[1] - 0.14 * np.cos(total))
        colour = dim(look.top, 0.78 if relief < 90 else 0.93)
        glove = dim(look.headgear, 0.6) if look.masked else look.skin
        self._oval((hand[0] + side * 0.012 * np.sin(total), hand[1] - 0.018), (0.02, 0.026), glove, relief)
        self._limb(shoulder, elbow, (0.062 * look.build, 0.05 * look.build), colour, relief)
        self._limb(elbow, hand, (0.05 * look.build, 0.036), colour, relief)

    def head(self) -> None:
        """Draw the head with hair and face, or with helmet and respirator."""
        look = self._look
        face = 0.014 if look.view == "side" else 0.0
        self._oval((0, 0.925), (0.052, 0.068), look.skin, 150)
        if look.masked:
            self._cover_head(face)
            return
        if look.view == "back":
            self._oval((0, 0.935), (0.056, 0.066), look.hair, 170)
            return
        self._oval((-face, 0.95), (0.056, 0.05), look.hair, 170)
        self._oval((face, 0.918), (0.044, 0.054), look.skin, 165)
        eyes = (0.028,) if look.view == "side" else (-0.018, 0.018)
        for x in eyes:
            self._oval((x, 0.928), (0.006, 0.005), (30, 30, 35), 150)
            self._oval((x, 0.94), (0.01, 0.003), dim(look.hair, 0.9), 150)
        self._oval((face, 0.893), (0.014, 0.004), (70, 70, 150), 150)

    def _cover_head(self, face: float) -> None:
        """Draw hood, full-face respirator with filters, and helmet over the head."""
        look = self._look
        self._oval((0, 0.92), (0.06, 0.072), dim(look.top, 0.92), 150)
        if look.view != "back":
            self._oval((face, 0.915), (0.044, 0.052), (60, 60, 62), 180)
            self._oval((face, 0.928), (0.036, 0.022), (150, 120, 80), 200)
            for x in (-0.03, 0.03) if look.view == "front" else (0.045,):
                self._oval((x, 0.882), (0.019, 0.019), (95, 95, 180), 210)
        self._oval((0, 0.945), (0.066, 0.062), look.headgear, 190, np.pi)
        brim = 0.09 if look.view == "side" else 0.072
        self._shape(
            [(-0.068, 0.942), (brim, 0.942), (brim, 0.955), (-0.068, 0.955)], dim(look.headgear, 0.85), 190, 0
        )
