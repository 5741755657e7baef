['dl.rank', 'nv.dl.rank', 'dl.iteration', 'nv.dl.iteration', 'pytorch.rank']
