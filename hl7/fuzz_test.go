package hl7_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"radagora/hl7"
)

func seeds(f *testing.F) {
	f.Helper()
	names, err := filepath.Glob("testdata/sample/*.hl7")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, s := range []string{message, plain, "MSH|", "MSH|^~\\&|\x1b$B|", "FHS|^~\\&\rBHS|^~\\&\r" + plain + "\rBTS|1\rFTS|1\r", plain + "BIG-5\rNTE|\xa5\\|\\X\\\\M2442\\;3\\"} {
		f.Add([]byte(s))
	}
}

// FuzzParse reads anything: what is read is written as it was, an edit is found
// again, and nothing else changes.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		m, err := hl7.Parse(b, nil)
		if hl7.Acknowledge(b, hl7.Application, hl7.Reply{Err: err, Now: noon, ControlID: "R"}) == nil && err == nil && !m.Header().Enhanced() {
			t.Error("no acknowledgement")
		}
		if err != nil {
			return
		}
		walk(m)
		if !bytes.Equal(m.Bytes(), before) {
			t.Fatalf("written\n%q\nread\n%q", m.Bytes(), before)
		}
		if m.Set("ZZZ-3[2].2.1", "a|b") != nil {
			return // the message has no such separators
		}
		again, err := hl7.Parse(m.Bytes(), nil)
		if err != nil {
			t.Fatalf("cannot be read after an edit: %v", err)
		}
		if got := again.Text("ZZZ-3[2].2.1"); got != "a|b" {
			t.Fatalf("read %q after an edit of\n%q", got, before)
		}
	})
}

// walk asks everything of everything.
func walk(m *hl7.Message) {
	_ = m.Header()
	for _, o := range m.Whole().Orders() {
		_ = o.Observations
	}
	for _, s := range m.Segments() {
		for n := 0; n <= min(s.Fields(), 60)+1; n++ {
			f := s.Field(n)
			_, _ = f.Time(nil)
			_, _ = f.SN()
			_, _ = f.ED().Bytes(1000)
			_, _, _, _, _, _ = f.CX(), f.XPN(), f.XCN(), f.CWE(), f.XAD(), f.XTN()
			for r := range f.Repetitions() {
				for c := range r.Components() {
					_ = c.Text()
				}
			}
		}
	}
}

func FuzzReader(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		r := hl7.NewReader(bytes.NewReader(b), hl7.Limits{Message: 4096})
		total := 0
		for {
			i, err := r.Next()
			if err != nil {
				break
			}
			if total += len(i.Bytes); len(i.Bytes) == 0 || total > len(b) {
				t.Fatalf("%d bytes of %d in items", total, len(b))
			}
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"PID-3[2].4.1", "PID.PatientName.GivenName", "OBX[*]-5[*]", "MSH"} {
		f.Add(s)
	}
	m, err := hl7.Parse([]byte(message), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := hl7.ParsePath(s)
		if err != nil {
			return
		}
		_ = m.At(p).Text()
		again, err := hl7.ParsePath(p.String())
		if err != nil || again != p {
			t.Fatalf("%q is %+v, read again %+v: %v", s, p, again, err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"order", message},
		{"report with a document", plain + "\rOBX|1|ED|||^AP^PDF^Base64^" + strings.Repeat("QUJD", 64<<10) + "\r"},
	} {
		b.Run(c.name, func(b *testing.B) {
			text := []byte(c.text)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := hl7.Parse(text, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+", copied only", func(b *testing.B) {
			text := []byte(c.text)
			to := make([]byte, len(text))
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				copy(to, text)
			}
		})
	}
}

// BenchmarkSamples parses a message of each dialect and asks for one value.
func BenchmarkSamples(b *testing.B) {
	names, err := filepath.Glob("testdata/sample/*.hl7")
	if err != nil || len(names) == 0 {
		b.Fatal("no samples", err)
	}
	var all [][]byte
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, text)
	}
	path, err := hl7.ParsePath("PID-3.1")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m, err := hl7.Parse(all[i%len(all)], nil)
		if err != nil || m.At(path).Text() == "" {
			b.Fatal(err)
		}
	}
}
