// Buildbot loads this file beside styles.css, which is what the plugin is for.
