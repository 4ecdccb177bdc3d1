package dicomweb

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"radagora/fault"
)

// readParts reads everything and returns the bodies.
func readParts(r io.Reader, boundary string) (all []string, err error) {
	p := newPartReader(r, boundary)
	defer p.close()
	for {
		part, err := p.next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		b, err := io.ReadAll(part)
		if err != nil {
			return all, err
		}
		all = append(all, string(b))
	}
}

func TestParts(t *testing.T) {
	const strange = `a'b(c)+d_e,f-g./:=?h`
	for _, c := range []struct {
		name, boundary, body string
		want                 []string
		invalid              bool
	}{
		{"two parts", "b", "--b\r\nContent-Type: application/dicom\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n", []string{"one", "two"}, false},
		{"no line end behind the last boundary", "b", "--b\r\n\r\none\r\n--b--", []string{"one"}, false},
		{"a preamble and an epilogue", "b", "see below\r\n--b\r\n\r\none\r\n--b--\r\nand so on", []string{"one"}, false},
		{"a preamble that begins with a line end", "b", "\r\n--b\r\n\r\none\r\n--b--", []string{"one"}, false},
		{"white space behind the boundary", "b", "--b  \t\r\n\r\none\r\n--b--", []string{"one"}, false},
		{"every character of a boundary", strange, "--" + strange + "\r\n\r\none\r\n--" + strange + "--", []string{"one"}, false},
		{"the boundary in the data, longer", "b", "--b\r\n\r\none\r\n--bc\r\n--b--", []string{"one\r\n--bc"}, false},
		{"the boundary in the data, not at the beginning of a line", "b", "--b\r\n\r\none--b\r\n--b--", []string{"one--b"}, false},
		{"the boundary with one hyphen", "b", "--b\r\n\r\none\r\n--b-\r\n--b--", []string{"one\r\n--b-"}, false},
		{"lines that end in LF", "b", "--b\nContent-Type: a/b\n\none\n--b--\n", []string{"one"}, false},
		{"an empty part", "b", "--b\r\n\r\n\r\n--b--", []string{""}, false},
		{"no part", "b", "--b--\r\n", nil, false},
		{"line ends are data", "b", "--b\r\n\r\n\r\n\r\none\r\n\r\n--b--", []string{"\r\n\r\none\r\n"}, false},
		{"the last boundary is missing", "b", "--b\r\n\r\none", nil, true},
		{"cut in the boundary", "b", "--b\r\n\r\none\r\n--", nil, true},
		{"cut in a header", "b", "--b\r\nContent-Ty", nil, true},
		{"cut behind a boundary", "b", "--b\r\n\r\none\r\n--b", []string{"one"}, true},
		{"no boundary at all", "b", "nothing here", nil, true},
		{"something behind a boundary", "b", "--b x\r\n\r\none\r\n--b--", nil, true},
		{"a header too long", "b", "--b\r\nX: " + strings.Repeat("x", maxPartHead) + "\r\n\r\none\r\n--b--", nil, true},
		{"nothing", "b", "", nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{
				"at once": strings.NewReader(c.body), "byte by byte": iotest.OneByteReader(strings.NewReader(c.body)),
			} {
				got, err := readParts(r, c.boundary)
				if !slices.Equal(got, c.want) || (err != nil) != c.invalid || err != nil && fault.Of(err) != fault.Invalid {
					t.Errorf("%s: %q, %v; want %q, invalid %v", how, got, err, c.want, c.invalid)
				}
			}
		})
	}
}

func TestPartFields(t *testing.T) {
	p := newPartReader(strings.NewReader("--b\r\ncontent-type: Application/DICOM; transfer-syntax=\"1.2\"\r\nContent-Location: x/y\r\nOther\r\n\r\n\r\n--b--"), "b")
	defer p.close()
	part, err := p.next()
	if err != nil {
		t.Fatal(err)
	}
	if part.kind.String() != typeDICOM || !part.typed || part.kind.params["transfer-syntax"] != "1.2" || part.location != "x/y" {
		t.Errorf("part = %+v", part)
	}
}

// A big part passes in pieces, whatever lies across the buffer's end.
func TestPartsAcrossTheBuffer(t *testing.T) {
	for shift := range 12 {
		data := bytes.Repeat([]byte("\r\n--boundar"), readAhead/8)
		data = append(data, make([]byte, shift)...)
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		_ = w.SetBoundary("boundary")
		for range 2 {
			part, err := w.CreatePart(nil)
			if err == nil {
				_, err = part.Write(data)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		_ = w.Close()
		got, err := readParts(&body, "boundary")
		if err != nil || len(got) != 2 || got[0] != string(data) || got[1] != string(data) {
			t.Fatalf("shift %d: %d parts, %v", shift, len(got), err)
		}
	}
}

func TestBodyThatFails(t *testing.T) {
	broken := errors.New("connection reset")
	r := io.MultiReader(strings.NewReader("--b\r\n\r\none"), iotest.ErrReader(broken))
	if _, err := readParts(r, "b"); !errors.Is(err, broken) {
		t.Errorf("error = %v; want %v", err, broken)
	}
}

// What mime/multipart wrote is read back, and nothing panics.
func FuzzParts(f *testing.F) {
	f.Add("b", []byte("--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--"), []byte("x"))
	f.Add("b", []byte("\r\n--b\n\n\n--b-"), []byte("\r\n--b"))
	f.Add("bnd-1", []byte("pre\r\n--bnd-1 \r\nA: b\r\n\r\n\r\n--bnd-1--"), []byte("\r\n--bnd-1\r"))
	f.Fuzz(func(t *testing.T, boundary string, raw, data []byte) {
		if boundary == "" || len(boundary) > 70 || strings.ContainsAny(boundary, "\r\n") {
			return
		}
		_, _ = readParts(bytes.NewReader(raw), boundary)
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		if w.SetBoundary(boundary) != nil || bytes.Contains(data, []byte(boundary)) {
			return
		}
		part, err := w.CreatePart(nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write(data)
		_ = w.Close()
		got, err := readParts(&body, boundary)
		if err != nil || len(got) != 1 || got[0] != string(data) {
			t.Errorf("%q with boundary %q: %q, %v", data, boundary, got, err)
		}
	})
}
