package dicomweb

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

func TestAccept(t *testing.T) {
	offered := []string{typeDICOM, typeJSON, typeOctets}
	for _, c := range []struct {
		name, accept, query string
		want                string // what is chosen, with | and how
	}{
		{"nothing said", "", "", "application/dicom|any *"},
		{"anything", "*/*", "", "application/dicom|any *"},
		{"quoted", `multipart/related; type="application/dicom"; transfer-syntax=*`, "", "application/dicom|multi *"},
		{"without quotes, as viewers write it", `multipart/related; type=application/dicom;transfer-syntax=1.2.840.10008.1.2.1`, "", "application/dicom|multi 1.2.840.10008.1.2.1"},
		{"no transfer syntax", `multipart/related; type="application/dicom"`, "", "application/dicom|multi "},
		{"a single part", "application/dicom", "", "application/dicom|single "},
		{"weights", "application/dicom;q=0.2, application/dicom+json;q=0.9", "", "application/dicom+json|single "},
		{"weight 0 is refused", "application/dicom;q=0, application/octet-stream;q=0.1", "", "application/octet-stream|single "},
		{"the case does not matter", `MULTIPART/Related; Type="Application/DICOM"`, "", "application/dicom|multi "},
		{"a comma in quotes divides nothing", `text/x; a="b, application/dicom", application/octet-stream`, "", "application/octet-stream|single "},
		{"parameters of the type inside", `multipart/related; type="application/octet-stream; transfer-syntax=1.2.840.10008.1.2.5"`, "", "application/octet-stream|multi 1.2.840.10008.1.2.5"},
		{"the query counts in place of the header", "text/html", "accept=application/dicom%2Bjson", "application/dicom+json|single "},
		{"and a plus that was not encoded", "text/html", "accept=application/dicom+json", "application/dicom+json|single "},
		{"a range of types", "application/*", "", "application/dicom|single "},
		{"nothing of ours", "video/x-nothing", "", ""},
		{"no type at all", "dicom", "", ""},
		{"a syntax that is none", "application/dicom; transfer-syntax=abc", "", ""},
		{"a weight that is none", "application/dicom; q=x", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/?"+c.query, nil)
			if c.accept != "" {
				r.Header.Set("Accept", c.accept)
			}
			got := ""
			if media, w, ok := choose(wants(r), offered...); ok {
				how := "single"
				switch {
				case w.any:
					how = "any"
				case w.multipart:
					how = "multi"
				}
				got = media + "|" + how + " " + w.syntax
			}
			if got != c.want {
				t.Errorf("chosen %q; want %q", got, c.want)
			}
		})
	}
}

func TestGzipped(t *testing.T) {
	for value, want := range map[string]bool{
		"": false, "gzip": true, "br, gzip;q=0.5": true, "gzip;q=0": false, "identity": false, "*": true, "x-gzip, deflate": false, "GZIP ; q=1": true,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept-Encoding", value)
		if got := gzipped(r); got != want {
			t.Errorf("%q: %v; want %v", value, got, want)
		}
	}
}

func TestQuery(t *testing.T) {
	for _, c := range []struct {
		name, query string
		tag         tag.Tag
		want        string // values, divided by |
	}{
		{"a keyword", "PatientID=A1", tag.PatientID, "A1"},
		{"a tag", "00100020=A1", tag.PatientID, "A1"},
		{"a tag in small letters", "0020000d=1.2.3", tag.StudyInstanceUID, "1.2.3"},
		{"percent encoding", "PatientName=%43ine%5E%2A", tag.PatientName, "Cine^*"},
		{"UTF-8", "PatientName=%CE%9E%CE%AD*", tag.PatientName, "Ξέ*"},
		{"a plus is a space", "PatientName=de+la+Cruz", tag.PatientName, "de la Cruz"},
		{"the plus of a time zone", "AcquisitionDateTime=20240101120000+0100", tag.AcquisitionDateTime, "20240101120000+0100"},
		{"a list of UIDs", "StudyInstanceUID=1.2.3,1.2.4", tag.StudyInstanceUID, "1.2.3|1.2.4"},
		{"a list of UIDs with backslash", "StudyInstanceUID=1.2.3%5C1.2.4", tag.StudyInstanceUID, "1.2.3|1.2.4"},
		{"a comma elsewhere is a comma", "StudyDescription=a,b", tag.StudyDescription, "a,b"},
		{"a range", "StudyDate=20240101-20240131", tag.StudyDate, "20240101-20240131"},
		{"a number", "Rows=512", tag.Rows, "512"},
		{"numbers", "Rows=512,256", tag.Rows, "512|256"},
		{"a value counts more than includefield", "PatientID=A1&includefield=PatientID", tag.PatientID, "A1"},
		{"in either order", "includefield=PatientID&PatientID=A1", tag.PatientID, "A1"},
		{"an empty value asks nothing", "PatientID=", tag.PatientID, ""},
		{"an unknown lower case word is passed over", "_=123&PatientID=A1", tag.PatientID, "A1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := parseQuery(c.query)
			if err != nil {
				t.Fatal(err)
			}
			ds, err := a.dataset(Scope{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(ds.Texts(c.tag), "|"); got != c.want || !ds.Has(c.tag) {
				t.Errorf("%v = %q; want %q", c.tag, got, c.want)
			}
		})
	}
}

func TestQuerySequence(t *testing.T) {
	a, err := parseQuery("RequestAttributesSequence.ScheduledProcedureStepID=7&00400275.00401001=9&includefield=RequestAttributesSequence.AccessionNumber")
	if err != nil {
		t.Fatal(err)
	}
	ds, err := a.dataset(Scope{Study: uid.Must("1.2")}, []tag.Tag{tag.RequestAttributesSequence, tag.PatientName})
	if err != nil {
		t.Fatal(err)
	}
	items := ds.Items(tag.RequestAttributesSequence)
	if len(items) != 1 || items[0].Text(tag.ScheduledProcedureStepID) != "7" || items[0].Text(tag.RequestedProcedureID) != "9" || !items[0].Has(tag.AccessionNumber) {
		t.Errorf("items = %v", items)
	}
	if ds.Text(tag.StudyInstanceUID) != "1.2" || !ds.Has(tag.PatientName) {
		t.Error("the path or what each row has is missing")
	}
}

func TestQueryRefused(t *testing.T) {
	for name, query := range map[string]string{
		"limit below 0":                  "limit=-1",
		"limit that is no number":        "limit=x",
		"offset that is no number":       "offset=zz",
		"offset beyond everything":       "offset=99999999999",
		"fuzzy as a word":                "fuzzymatching=maybe",
		"a keyword that is none":         "PatientNam=x",
		"a tag that is none":             "0010002=x",
		"bad percent encoding":           "PatientName=%zz",
		"bad percent encoding of a name": "%zz=1",
		"not UTF-8":                      "PatientName=%FF%FE",
		"a NUL":                          "PatientName=%00",
		"a date that is none":            "StudyDate=notadate",
		"a UID that is none":             "StudyInstanceUID=abc",
		"a sequence with a value":        "RequestAttributesSequence=1",
		"a path through what is none":    "PatientID.PatientName=1",
		"group 2":                        "00020010=1.2.840.10008.1.2",
		"a number out of range":          "Rows=70000",
		"pixels":                         "PixelData=1",
		"includefield of nothing known":  "includefield=Nonsense",
		"includefield of a NUL":          "includefield=%00",
		"too long":                       "PatientID=" + strings.Repeat("A", maxQuery),
		"too many attributes":            strings.Repeat("includefield=PatientID&", 1) + many(),
		"sequences without end":          strings.Repeat("RequestAttributesSequence.", 9) + "PatientID=1",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseQuery(query)
			if err == nil || fault.Of(err) != fault.Invalid {
				t.Errorf("error = %v; want one of kind Invalid", err)
			}
		})
	}
}

// many asks for more attributes than one may.
func many() string {
	var b strings.Builder
	n := 0
	for e := range tag.All() {
		if e.Tag.Group() > 2 && n <= maxKeys && e.Keyword != "" {
			b.WriteString("&includefield=" + e.Keyword)
			n++
		}
	}
	return b.String()[1:]
}

// Values never stand in errors: they are about patients.
func TestQueryErrorsAreDiscreet(t *testing.T) {
	for _, q := range []string{"StudyDate=SECRETDATE", "Rows=SECRET", "limit=SECRET", "StudyInstanceUID=SECRET", "fuzzymatching=SECRET", "PatientName=SECRET%zz"} {
		if _, err := parseQuery(q); err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v", q, err)
		}
	}
}

func FuzzQuery(f *testing.F) {
	for _, q := range []string{"PatientID=1&limit=2", "00400275.00400009=1&includefield=all", "StudyDate=%32-&_=1", "a.b.c=1&=&&%00=1", "Rows=1,2&PatientName=%C3%A9+x"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, q string) {
		a, err := parseQuery(q)
		if err != nil {
			if fault.Of(err) != fault.Invalid {
				t.Errorf("kind of %v", err)
			}
			return
		}
		if _, err := a.dataset(Scope{}, studyRow); err != nil && fault.Of(err) != fault.Invalid {
			t.Errorf("keys: %v", err)
		}
	})
}

func FuzzAccept(f *testing.F) {
	for _, s := range []string{`multipart/related; type="application/dicom"; transfer-syntax=*, */*;q=0.1`, `a/b;c="\"";q=.5`, `;;,,/`, `text/html;q=NaN`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, m := range parseAccept(s) {
			if m.kind == "" || m.sub == "" || !(m.q > 0 && m.q <= 1) {
				t.Errorf("%q: %+v", s, m)
			}
			if w, ok := m.want(); ok && w.syntax != "" && w.syntax != "*" {
				if _, err := uid.Parse(w.syntax); err != nil {
					t.Errorf("%q: syntax %q", s, w.syntax)
				}
			}
		}
	})
}

func FuzzRendering(f *testing.F) {
	for _, s := range []string{"window=40,400,linear&viewport=16,16", "quality=7&annotation=patient,technique", "viewport=1,1,0,0,-5,5&iccprofile=srgb", "viewport=1e300,1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parseRendering(s)
		if err == nil && (p.Viewport.Width > maxSide || p.Viewport.Height > maxSide || p.Quality > 100) {
			t.Errorf("%q: %+v", s, p)
		}
	})
}
