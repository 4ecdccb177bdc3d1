package dose_test

import (
	"bytes"
	"strings"
	"testing"

	"radagora/dicom"
	"radagora/dicom/sr"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/dose/dosetest"
	"radagora/fault"
)

func TestReadRefuses(t *testing.T) {
	titled := func(title sr.Code) *dicom.Builder {
		r := plain()
		r.Tree = func(root *sr.Item) { root.Concept = title }
		return r.Builder()
	}
	empty := plain()
	empty.Template, empty.Procedure = "", sr.Code{}
	empty.Tree = func(root *sr.Item) { root.Children = nil }
	unknown := plain()
	unknown.Template = "10040"
	unknown.Tree = func(root *sr.Item) {
		dosetest.Drop(root, "113811")
		dosetest.Drop(root, "113819")
	}
	for _, c := range []struct {
		name string
		in   *dicom.Builder
		want string
	}{
		{"a template that is not read yet", unknown.Builder(), "neither totals nor events"},
		{"an image", dicom.NewBuilder().UID(tag.SOPClassUID, uid.CTImageStorage).Text(tag.Modality, "CT"), "this is no structured report"},
		{"a report of findings", titled(sr.Code{Value: "18748-4", Scheme: "LN", Meaning: "LEAK^CANARY"}), "(18748-4, LN)"},
		{"a private summary", titled(sr.Code{Value: "C-10", Scheme: "99SMS_RADSUM"}), "(C-10, 99SMS_RADSUM)"},
		{"a report without a title", titled(sr.Code{}), "without a title"},
		{"the title alone", empty.Builder(), "neither totals nor events"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := c.in.Dataset()
			if err != nil {
				t.Fatal(err)
			}
			r, err := dose.Read(d)
			if r != nil || fault.Of(err) != fault.Unsupported {
				t.Fatalf("Read = %v, %v; want fault.Unsupported", r, err)
			}
			if text := err.Error(); !strings.HasPrefix(text, "no dose report: ") || !strings.Contains(text, c.want) {
				t.Errorf("error %q; want %q in it", text, c.want)
			}
			if strings.Contains(err.Error(), "CANARY") {
				t.Errorf("the error quotes the report: %v", err)
			}
		})
	}
}

// TestTemplateOrProcedureDecide holds that a report without events or totals is
// known by what it says it is.
func TestTemplateOrProcedureDecide(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(r *dosetest.Report)
	}{
		{"by template", func(r *dosetest.Report) { r.Procedure = sr.Code{} }},
		{"by procedure", func(r *dosetest.Report) { r.Template = "" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			made := plain()
			c.edit(&made)
			made.Tree = func(root *sr.Item) {
				dosetest.Drop(root, "113811")
				dosetest.Drop(root, "113819")
			}
			if r := read(t, made); r.Kind != dose.CT || len(r.Events) != 0 {
				t.Errorf("kind %q with %d events", r.Kind, len(r.Events))
			}
		})
	}
}

// TestTruncated holds that of a report whose end is missing what was read comes
// back with an error, wherever the end is.
func TestTruncated(t *testing.T) {
	whole := file(t, plain())
	some := false
	for n := 0; n < len(whole); n += 97 {
		r, err := dose.ReadFile(bytes.NewReader(whole[:n]), int64(n))
		if err == nil {
			t.Fatalf("%d of %d bytes read without an error", n, len(whole))
		}
		if r == nil {
			continue
		}
		some = some || len(r.Events) > 0
		if !strings.Contains(strings.Join(warned(r.Warnings), " "), dose.WarnTruncated) {
			t.Fatalf("%d bytes: warnings %v", n, warned(r.Warnings))
		}
	}
	if !some {
		t.Error("no part of a report was read")
	}
}

func TestUndeclaredCharacterSet(t *testing.T) {
	made := plain()
	made.Events[1].Protocol = "Schädel"
	made.Header = func(b *dicom.Builder) { b.Text(tag.SpecificCharacterSet, "ISO_IR 100") }
	b := bytes.Replace(file(t, made), []byte("ISO_IR 100"), []byte("          "), 1)
	r, err := dose.ReadFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if got := warned(r.Warnings); len(got) != 1 || got[0] != dose.WarnCharset {
		t.Errorf("warnings %v", got)
	}
	if r.Events[1].Protocol != "Schädel" {
		t.Errorf("protocol %q", r.Events[1].Protocol)
	}
}

func TestChecks(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(r *dosetest.Report)
		want string
		at   string // path of the warning, if it matters
	}{
		{"an event fewer than declared", func(r *dosetest.Report) { r.Declared = "4" }, dose.WarnCountMismatch, ""},
		{"CTDIvol without a phantom", func(r *dosetest.Report) { r.Events[1].Phantom = sr.Code{} }, dose.WarnPhantom, "1.9"},
		{
			"a phantom nobody knows", func(r *dosetest.Report) {
				r.Events[1].Phantom = sr.Code{Value: "P1", Scheme: "99ACME", Meaning: "our phantom"}
			}, dose.WarnPhantom, "1.9",
		},
		{
			"no dose although there was current", func(r *dosetest.Report) {
				r.Events[1].DLP, r.Events[1].CTDIvol, r.Total = "0", "0.0", "251.20"
			}, dose.WarnZeroDose, "1.9",
		},
		{
			"length of another event", func(r *dosetest.Report) { r.Events[1].Length = "800" },
			dose.WarnPlausibility, "1.9",
		},
		{
			"a total of 0 beside events with dose", func(r *dosetest.Report) { r.Total = "0.0" }, dose.WarnTotalMismatch, "",
		},
		{"a total that is empty", func(r *dosetest.Report) { r.Total = "" }, dose.WarnMissing, ""},
		{"an event without a UID", func(r *dosetest.Report) { r.Events[1].UID = "" }, dose.WarnNoEventUID, "1.9"},
		{"two events with one UID", func(r *dosetest.Report) { r.Events[2].UID = "e1" }, dose.WarnEventTwice, ""},
		{"an event of another week", func(r *dosetest.Report) { r.Events[1].Started = "20260310101010" }, dose.WarnClock, "1.9"},
		{
			"a unit of something else", func(r *dosetest.Report) {
				r.Tree = item("113830", func(i *sr.Item) { i.Num.Unit.Value = "mSv" })
			}, dose.WarnUnitUnknown, "",
		},
		{
			"a unit nobody knows", func(r *dosetest.Report) {
				r.Tree = item("113830", func(i *sr.Item) { i.Num.Unit.Value = "rem" })
			}, dose.WarnUnitUnknown, "",
		},
		{
			"a number that is none", func(r *dosetest.Report) {
				r.Tree = item("113830", func(i *sr.Item) { i.Num.Raw = "n.a." })
			}, dose.WarnUnreadable, "",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			made := plain()
			c.edit(&made)
			r := read(t, made)
			for _, w := range r.Warnings {
				if w.Code == c.want {
					if c.at != "" && w.Path != c.at {
						t.Errorf("warning at %q; want %q", w.Path, c.at)
					}
					if strings.Contains(w.Message(), "%!") {
						t.Errorf("message %q", w.Message())
					}
					return
				}
			}
			t.Errorf("warnings %v; want %s", warned(r.Warnings), c.want)
		})
	}
}

// TestRoundingIsNoMismatch holds that numbers rounded to whole units may differ by
// their rounding, however much that is relative to a small dose.
func TestRoundingIsNoMismatch(t *testing.T) {
	made := dosetest.New("study", "report", "4", dosetest.Scan("e1", "", "2"), dosetest.Scan("e2", "", "3"))
	if r := read(t, made); len(r.Warnings) > 0 {
		t.Errorf("4 beside 2 + 3: warnings %v", warned(r.Warnings))
	}
	made.Total = "8"
	if r := read(t, made); len(r.Warnings) == 0 {
		t.Error("8 beside 2 + 3: no warning")
	}
}
