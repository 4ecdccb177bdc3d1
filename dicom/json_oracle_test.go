package dicom_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"radagora/dicom"
	"radagora/dicom/tag"
)

// An oracle turns files into DICOM JSON with another program.
type oracle struct {
	name  string
	least int                                                                  // how many of the files it is known to read
	run   func(ctx context.Context, files []string) (map[string][]byte, error) // those it can read
}

// pydicomJSON makes pydicom print the data sets of files, less their pixels: for
// each that it can read a line with its path and one with JSON.
const pydicomJSON = `
import json, sys, warnings
import pydicom
warnings.simplefilter("ignore")
for path in sys.argv[1:]:
    try:
        ds = pydicom.dcmread(path, force=True)
        if 0x7FE00010 in ds: del ds[0x7FE00010]
        text = json.dumps(ds.to_json_dict(bulk_data_threshold=1 << 40))
    except Exception:
        continue
    print(path)
    print(text)
`

var oracles = []oracle{
	{"pydicom", 85, func(ctx context.Context, files []string) (map[string][]byte, error) {
		out, err := exec.CommandContext(ctx, "/usr/bin/python3", append([]string{"-c", pydicomJSON}, files...)...).Output()
		all := map[string][]byte{}
		lines := bytes.Split(out, []byte{'\n'})
		for i := 0; i+1 < len(lines); i += 2 {
			all[string(lines[i])] = lines[i+1]
		}
		return all, err
	}},
	{"dcm2json", 50, func(ctx context.Context, files []string) (map[string][]byte, error) { // it gives up where pixels are compressed
		if _, err := exec.LookPath("dcm2json"); err != nil {
			return nil, err
		}
		all := map[string][]byte{}
		for _, file := range files {
			if out, err := exec.CommandContext(ctx, "dcm2json", file).Output(); err == nil {
				all[file] = out
			}
		}
		return all, nil
	}},
}

// excused says why ours may differ from another program's JSON at path, or "".
func excused(file, path string, ours, theirs any) string {
	steps := strings.Split(path, "/")
	in := func(t tag.Tag) bool { return strings.Contains(path, fmt.Sprintf("/%08X/", uint32(t))) }
	a, isText := ours.(string)
	b, bothText := theirs.(string)
	x, isNumber := ours.(json.Number)
	y, bothNumber := theirs.(json.Number)
	list, isList := theirs.([]any)
	switch last := steps[len(steps)-1]; {
	case len(last) == 8 && strings.HasSuffix(last, "0000") && ours == nil:
		return "group lengths do not belong into JSON (PS3.18 F.2.2)"
	case in(tag.SpecificCharacterSet):
		return "JSON is UTF-8, and so ours says ISO_IR 192"
	case isText && bothText && strings.Trim(a, " \x00") == strings.Trim(b, " \x00"):
		return "padding is no part of a value (PS3.5 6.2)"
	case ours == nil && isList && len(list) == 0 && last == "Value":
		return "an empty element has no Value (PS3.18 F.2.5)"
	case isNumber && bothNumber && sameFloat32(x, y):
		return "a float of 32 bits has these digits"
	case strings.HasSuffix(path, "/Value") && theirs == nil && strings.Contains(fmt.Sprint(ours), "[map[Alphabetic:^^^^]]"):
		return "dcmtk drops a name of empty components; ours keeps what was sent"
	case file == "chrSQEncoding.dcm" && in(tag.RequestedProcedureCodeSequence):
		return "dcmtk does not decode an item in the item's own character set"
	case private.MatchString(path):
		return "ours has no dictionary of private elements"
	}
	return ""
}

// private matches paths to elements of odd groups.
var private = regexp.MustCompile(`/[0-9A-F]{3}[13579BDF][0-9A-F]{4}/(vr|Value|InlineBinary)$`)

// sameFloat32 reports whether two numbers are the same with 32 bits.
func sameFloat32(x, y json.Number) bool {
	f, err := strconv.ParseFloat(x.String(), 32)
	g, err2 := strconv.ParseFloat(y.String(), 32)
	return err == nil && err2 == nil && f == g
}

// TestJSONOracles compares our JSON of pydicom's files with that of pydicom and
// of dcmtk, as far as those can read them.
func TestJSONOracles(t *testing.T) {
	files := pydicomFiles(t)
	for _, o := range oracles {
		t.Run(o.name, func(t *testing.T) {
			answers, err := o.run(t.Context(), files)
			if err != nil {
				t.Skipf("%s not found: %v", o.name, err)
			}
			compared, excuses := 0, map[string]int{}
			for file, answer := range answers {
				if compareJSON(t, o.name, file, answer, excuses) {
					compared++
				}
			}
			t.Logf("compared %d of %d files; excused: %v", compared, len(files), excuses)
			if compared < o.least {
				t.Errorf("compared %d files; want at least %d", compared, o.least)
			}
		})
	}
}

// compareJSON compares the JSON of one file and reports whether we could read it.
func compareJSON(t *testing.T, oracle, file string, answer []byte, excuses map[string]int) bool {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := dicom.Open(bytes.NewReader(raw), int64(len(raw)), &dicom.Options{Spool: inMemory})
	if f == nil || err != nil {
		return false
	}
	var ours, theirs map[string]any
	decode(t, []byte(toJSON(t, f.Dataset)), &ours)
	decode(t, answer, &theirs)
	delete(ours, "7FE00010")
	delete(theirs, "7FE00010")
	name := filepath.Base(file)
	differences("", ours, theirs, func(path string, a, b any) {
		if why := excused(name, path, a, b); why != "" {
			excuses[why]++
			return
		}
		t.Errorf("%s %s: ours %.300s, %s %.300s", name, path, fmt.Sprint(a), oracle, fmt.Sprint(b))
	})
	return true
}

// decode reads JSON and keeps numbers as text.
func decode(t *testing.T, text []byte, v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%.100s: %v", text, err)
	}
}

// differences calls fn for each place where a and b differ.
func differences(path string, a, b any, fn func(path string, a, b any)) {
	switch x := a.(type) {
	case map[string]any:
		if y, ok := b.(map[string]any); ok {
			for _, k := range slices.Sorted(keys(x, y)) {
				differences(path+"/"+k, x[k], y[k], fn)
			}
			return
		}
	case []any:
		if y, ok := b.([]any); ok && len(x) == len(y) {
			for i := range x {
				differences(path+"/"+strconv.Itoa(i+1), x[i], y[i], fn)
			}
			return
		}
	default:
		if sameScalar(a, b) {
			return
		}
	}
	fn(path, a, b)
}

// keys yields the keys of both.
func keys(x, y map[string]any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range x {
			if !yield(k) {
				return
			}
		}
		for k := range y {
			if _, both := x[k]; !both && !yield(k) {
				return
			}
		}
	}
}

// sameScalar compares numbers by their value.
func sameScalar(a, b any) bool {
	x, ok := a.(json.Number)
	y, ok2 := b.(json.Number)
	if !ok || !ok2 {
		return a == b
	}
	f, err := x.Float64()
	g, err2 := y.Float64()
	return err == nil && err2 == nil && f == g
}

var (
	_ = strings.Contains
	_ = tag.Rows
)
