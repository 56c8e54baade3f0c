"""The lectures as experiments: each trains machim's own networks on the embedded places or on text made by rule."""
