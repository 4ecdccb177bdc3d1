package web

import "radagora/web/viewer"

// imageViewer serves the viewer and its files. What it shows it asks of DICOMweb,
// which asks who may see which study.
func (s *server) imageViewer(v *visit) error {
	return s.viewer.Serve(v.w, v.r, viewer.Words{
		Language: v.p.Tag(), Title: v.p.T("viewer.title"), Notice: v.p.T("viewer.notice"),
		Back: v.p.T("viewer.back"), NoScript: v.p.T("viewer.noscript"),
	})
}

// readViewer returns the viewer this program was built with.
func readViewer() *viewer.Viewer {
	v, err := viewer.New()
	if err != nil {
		panic("web: embedded viewer: " + err.Error()) // the program was built wrongly
	}
	return v
}

// viewerAddress returns where the viewer shows a study.
func viewerAddress(study string) string { return viewer.Study(study) }
