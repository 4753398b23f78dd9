"""How the parts of a scene are drawn. `demo.scenes` puts them together."""
