// Runs before the page is drawn, so that what needs no script is never seen for a moment and then gone.
document.documentElement.classList.add("script");
