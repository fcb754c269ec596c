"""From a run to a bundle: graphs, files, gates, the card, and the folder as a whole."""
