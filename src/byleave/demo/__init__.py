"""The demo: real, openly licensed pictures under invented links, and a tour that checks the whole job on them.

* :mod:`byleave.demo.originals` chooses pictures by named people (:mod:`~byleave.demo.openclipart`, or
  :mod:`~byleave.demo.openmoji` where that package cannot be had).
* :mod:`byleave.demo.reposts` simulates re-posts of some of them, and marks each as simulated.
* :mod:`byleave.demo.dataset` writes both as a dataset of links and as a folder of picture files.
* :mod:`byleave.demo.tour` does the whole job on a small one and compares every result with what is known.
* :mod:`byleave.demo.prepare` fills a home for the site, and skips what is done.

Nothing here is used by any other room.
"""
