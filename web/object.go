package web

import (
	"context"
	"io"
	"time"

	"radagora/lang"
	"radagora/web/face"
)

// Objects shows what is kept, byte for byte as it arrived.
type Objects interface {
	Object(ctx context.Context, who Person, language, sopInstanceUID string) (Object, error)
	// File opens the object as a Part 10 file. The caller closes it.
	// With original it is as received, whatever was corrected since.
	File(ctx context.Context, who Person, sopInstanceUID string, original bool) (io.ReadCloser, error)
	// Compare holds an object beside another, or beside itself AsReceived.
	Compare(ctx context.Context, sopInstanceUID, with string) (Comparison, error)
}

// An Object is one DICOM object and where it came from.
type Object struct {
	SOPInstanceUID string
	SOPClass       string // name
	TransferSyntax string // name
	Size           int64
	SHA256         string
	Received       time.Time
	Door           string // how it came: dimse, upload, import, web
	From           string // calling AE title or file name without folders
	Title          string // of a structured report
	Study, Series  string
	Rendered       string // address at which it can be looked at, "" if it cannot
	Picture        bool   // that is a picture, and no document
	Blind          string // why it has no picture: reduced, syntax; "" for none
	Dropped        *DroppedPixels
	Next           string      // the instance behind it in its series, "" at the end
	Corrected      bool        // its patient was corrected since it came
	SR             []face.Node // its content tree; nil for other objects
	Header         []face.Node // its data set
}

// DroppedPixels says of an object of which only the header is kept what was received, and
// by which rule its pixels went.
type DroppedPixels struct {
	At     time.Time
	Size   int64
	SHA256 string
	Policy string // peer:TITLE, title:TITLE, or both
}

// droppedFacts are what came of an object whose pixels were dropped.
func (v *visit) droppedFacts(d *DroppedPixels) []face.Fact {
	return []face.Fact{
		{Label: v.p.T("object.dropped"), Value: v.p.T("object.dropped_by", lang.Args{"at": v.p.DateTime(v.local(d.At)), "policy": d.Policy})},
		{Label: v.p.T("object.dropped_received"), Value: v.size(d.Size)},
		{Label: v.p.T("object.dropped_digest"), Value: d.SHA256, Code: true},
	}
}

// objectPage shows an object: whence, the report it holds, its header.
func (s *server) objectPage(v *visit) error {
	o, err := s.Objects.Object(v.r.Context(), v.who, v.p.Tag(), v.r.PathValue("uid"))
	if err != nil {
		return err
	}
	if at := v.r.URL.Query().Get("at"); at != "" {
		openPath(o.SR, at)
	}
	pg := page{
		title: orElse(o.Title, o.SOPClass), lead: o.SOPInstanceUID, section: "/dose/ct",
		actions: objectActions(v, o),
	}
	switch {
	case s.Studies != nil && o.Study != "":
		pg.section = "/images"
		pg.crumbs = []crumb{
			{v.p.T("nav.studies"), "/images"},
			{v.p.T("object.study"), studyAddress(o.Study)},
			{v.p.T("object.series"), studyAddress(o.Study) + "/series/" + o.Series},
		}
	case s.DoseCT != nil:
		pg.crumbs = []crumb{{v.p.T("nav.dose_ct"), "/dose/ct"}}
	}
	return v.show(pg, objectBody(v, o))
}

// openPath opens the branches of a tree that lead to a path such as 1.2.3, and
// reports whether it is in the tree.
func openPath(nodes []face.Node, path string) bool {
	for i := range nodes {
		n := &nodes[i]
		if n.Path == path || openPath(n.Children, path) {
			n.Open, n.Marked = true, n.Path == path
			return true
		}
	}
	return false
}

// objectFile sends the object as it was kept.
func (s *server) objectFile(v *visit) error {
	uid := v.r.PathValue("uid")
	f, err := s.Objects.File(v.r.Context(), v.who, uid, v.r.URL.Query().Has("original"))
	if err != nil {
		return err
	}
	defer f.Close()
	v.attach(uid+".dcm", "application/dicom")
	if _, err := io.Copy(v.w, f); err != nil {
		v.Log.WarnContext(v.r.Context(), "object not sent whole", "request_id", RequestID(v.r.Context()))
	}
	return nil
}
