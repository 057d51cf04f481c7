"""How the texts of each genre are cut from their packages: one short function a genre."""
