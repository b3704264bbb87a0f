"""Who reads which partition: the assignors that Java's consumer brings, one a file.

Given the same members they give the same assignment as Java's 4.3.1, in the same order, so that a
group of mixed clients does not move its partitions when another of them leads.
"""
