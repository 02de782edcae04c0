"""The site and its JSON API: parse a request, call one function of a room below, render.

:func:`byleave.web.app.create_app` makes the application. Pages are rendered here and work without JavaScript; the modules in
``static/`` add a menu, a selection that survives paging, a drawer, and dropping or pasting a picture.
"""
