package dose_test

import (
	"testing"

	"radagora/dicom"
	"radagora/dicom/sr"
	"radagora/dicom/tag"
	"radagora/dose"
)

func TestMoments(t *testing.T) {
	for _, c := range []struct{ name, raw, zone, want string }{
		{"local stays local", "20260302101112", "", "2026-03-02T10:11:12"},
		{"with fraction and offset", "19970101000631.737+0000", "", "1997-01-01T00:06:31.737+00:00"},
		{"behind Greenwich", "20260302101112-0500", "", "2026-03-02T10:11:12-05:00"},
		{"the offset of the object", "20260302101112", "+0100", "2026-03-02T10:11:12+01:00"},
		{"its own offset before that of the object", "20260302101112+0200", "+0100", "2026-03-02T10:11:12+02:00"},
		{"no seconds", "202603021011", "", "2026-03-02T10:11"},
		{"a day alone has no offset", "20260302", "+0100", "2026-03-02"},
		{"a year alone", "2026", "", "2026"},
		{"no date at all", "yesterday", "", ""},
		{"a day that never was", "20260230", "", ""},
		{"an offset that is none", "20260302101112+01", "", "2026-03-02T10:11:12"},
	} {
		t.Run(c.name, func(t *testing.T) {
			made := plain()
			made.Tree = item("113809", func(i *sr.Item) { i.Text = c.raw })
			made.Header = func(b *dicom.Builder) { b.Text(tag.TimezoneOffsetFromUTC, c.zone) }
			r := read(t, made)
			v, _ := r.Values.Find(dose.FieldStarted)
			if v.Raw != c.raw || r.Started().String() != c.want {
				t.Errorf("%q is %q; want %q", v.Raw, r.Started(), c.want)
			}
		})
	}
}
