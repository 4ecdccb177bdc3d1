package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"radagora/access"
	"radagora/dicom"
	"radagora/dicom/sr"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
)

// written makes a file of a data set of the study of a phantom.
func (p phantom) written(t *testing.T, class uid.UID, modality, n string, more func(*dicom.Builder)) []byte {
	t.Helper()
	b := dicom.NewBuilder().UID(tag.SOPClassUID, class).Text(tag.SOPInstanceUID, p.study()+"."+n+".1").Text(tag.StudyInstanceUID, p.study()).
		Text(tag.SeriesInstanceUID, p.study()+"."+n).Text(tag.Modality, modality).Text(tag.PatientName, p.patient).Text(tag.PatientID, p.id).
		Text(tag.StudyDate, "20260203").Int(tag.SeriesNumber, 9).Int(tag.InstanceNumber, 1)
	more(b)
	ds, err := b.Dataset()
	check(t, err)
	var out bytes.Buffer
	check(t, dicom.WriteFile(&out, ds, uid.ExplicitVRLittleEndian))
	return out.Bytes()
}

// TestStudyPages looks at the pages of a study that has images, a report and a
// document: they say what is there, the report and the document can be read, headers
// stand side by side, and a browser finds nothing wrong with them.
func TestStudyPages(t *testing.T) {
	slow(t)
	t.Parallel()
	w, p := newWalk(t), ct()
	concept := func(value, meaning string) sr.Code { return sr.Code{Value: value, Scheme: "DCM", Meaning: meaning} }
	report := p.written(t, uid.EnhancedSRStorage, "SR", "8", func(b *dicom.Builder) {
		sr.Append(b, sr.NewContainer("", concept("126000", "Imaging Measurement Report"),
			sr.NewNum("CONTAINS", concept("121211", "Path length"), "12.5", sr.Code{Value: "mm", Scheme: "UCUM", Meaning: "mm"},
				&sr.Item{Relationship: "INFERRED FROM", ValueType: "IMAGE", References: []sr.Reference{{SOPClass: p.class.String(), SOPInstance: p.series() + ".1"}}})), "1500")
	})
	letter := p.written(t, uid.EncapsulatedPDFStorage, "DOC", "9", func(b *dicom.Builder) {
		b.Text(tag.MIMETypeOfEncapsulatedDocument, "application/pdf").Bytes(tag.EncapsulatedDocument, vr.OB, []byte("%PDF-1.4\n%%EOF\n"))
	})
	page := p.written(t, uid.EncapsulatedPDFStorage, "DOC", "10", func(b *dicom.Builder) {
		b.Text(tag.MIMETypeOfEncapsulatedDocument, "application/pdf").Bytes(tag.EncapsulatedDocument, vr.OB, []byte("<script>alert(1)</script>"))
	})
	w.keep(p)
	w.store(report, letter, page)
	get := func(path, accept string) (int, http.Header, string) {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.server.URL+path, http.NoBody)
		check(t, err)
		if accept != "" {
			q.Header.Set("Accept", accept)
		}
		r, err := w.clients[access.Radiologist].Do(q)
		check(t, err)
		defer func() { _ = r.Body.Close() }()
		text, err := io.ReadAll(r.Body)
		check(t, err)
		return r.StatusCode, r.Header, string(text)
	}
	instance := func(n string) string {
		return "/dicom-web/studies/" + p.study() + "/series/" + p.study() + "." + n + "/instances/" + p.study() + "." + n + ".1/rendered"
	}
	const browser = "text/html,application/xhtml+xml,image/webp,*/*;q=0.8"
	first, second := "/images/objects/"+p.series()+".1", p.series()+".2"
	paths := []string{
		"/images/studies/" + p.study(), "/images/studies/" + p.study() + "/series/" + p.series(), first,
		"/images/objects/" + p.study() + ".8.1", "/images/objects/" + p.study() + ".9.1",
		first + "/compare?with=" + second, first + "/compare?all=yes&with=" + second, first + "/compare?with=" + p.series() + ".1",
		"/images/studies/" + p.study() + "/open",
	}
	for _, c := range []struct {
		name, path, accept string
		status             int
		says               []string
	}{
		{"the report as a page", instance("8"), browser, 200, []string{"<h1>Imaging Measurement Report</h1>", "Phantom, Water", ">12.5</span> mm", `href="` + first + `"`}},
		{"the report as text", instance("8"), "text/plain", 200, []string{"Path length"}},
		{"the report as a picture", instance("8"), "image/jpeg", 406, nil},
		{"the letter", instance("9"), browser, 200, []string{"%PDF-1.4"}},
		{"a letter that is none", instance("10"), browser, 501, nil},
		{"the report's own page", paths[3], "", 200, []string{"Path length", `href="` + first + `"`, instance("8")}},
		{"an image's own page", first, "", 200, []string{"/compare?with=" + second, "viewport=512,512"}},
		{"two headers", paths[5], "", 200, []string{"(0020,0013)", "<mark>1</mark>", "<mark>2</mark>", "(0020,0032)"}},
		{"all of them", paths[6], "", 200, []string{"(0008,0060)"}},
		{"the same twice", paths[7], "", 200, []string{"Nothing differs"}},
		{"with what is not there", first + "/compare?with=9.9.9", "", 404, nil},
	} {
		code, header, text := get(c.path, c.accept)
		if code != c.status {
			t.Errorf("%s: %d", c.name, code)
		}
		for _, want := range c.says {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %s", c.name, want)
			}
		}
		if c.status == http.StatusOK && (header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(header.Get("Content-Security-Policy"), "default-src 'none'")) {
			t.Errorf("%s: %v", c.name, header)
		}
	}
	if _, header, _ := get(instance("9"), browser); !strings.HasSuffix(header.Get("Content-Security-Policy"), "; sandbox") ||
		header.Get("Content-Type") != "application/pdf" || !strings.HasPrefix(header.Get("Content-Disposition"), "attachment; ") {
		t.Errorf("the letter is not kept from doing anything: %v", header)
	}
	if _, _, text := get(paths[5], ""); strings.Contains(text, "(0008,0060)") {
		t.Error("what is the same stands among the differences")
	}
	_, header, _ := get("/dicom-web/studies/"+p.study()+"/instances?limit=2&count=true", "application/json")
	if header.Get("X-Total-Count") != "15" {
		t.Errorf("X-Total-Count = %q; want 15", header.Get("X-Total-Count"))
	}
	t.Run("in a browser", func(t *testing.T) {
		node, dir := browserTools(t)
		run := exec.CommandContext(t.Context(), node, append([]string{"walk.mjs", w.server.URL, w.cookie(access.Radiologist)}, paths...)...)
		run.Dir, run.Stderr = dir, os.Stderr
		out, err := run.Output()
		check(t, err)
		var problems []string
		check(t, json.Unmarshal(out, &problems))
		for _, problem := range problems {
			t.Error(problem)
		}
	})
}
