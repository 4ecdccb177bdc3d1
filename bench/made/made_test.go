package made_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"radagora/bench/made"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
)

func Example() {
	dir, err := os.MkdirTemp("", "made-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	studies, err := made.Set{Name: "small", Studies: 2, Instances: 3, Edge: 64}.Write(dir)
	fmt.Println(len(studies), len(studies[0]), err)
	// Output: 2 3 <nil>
}

func TestWrite(t *testing.T) {
	set := made.Set{Name: "ct", Studies: 2, Instances: 2, Edge: 32, Private: true}
	one, err := set.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	again, err := set.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	instances, series := map[uid.UID]bool{}, map[uid.UID]bool{}
	for i, study := range one {
		for k, name := range study {
			data := read(t, name)
			if !bytes.Equal(data, read(t, again[i][k])) {
				t.Errorf("%s is not the same made twice", filepath.Base(name))
			}
			f, err := dicom.Open(bytes.NewReader(data), int64(len(data)), nil)
			if err != nil || len(f.Warnings) > 0 {
				t.Fatalf("%s: %v, %v", name, err, f.Warnings)
			}
			instances[f.UID(tag.SOPInstanceUID)], series[f.UID(tag.SeriesInstanceUID)] = true, true
		}
	}
	if len(instances) != 4 || len(series) != 2 {
		t.Errorf("%d instances in %d series; want 4 in 2", len(instances), len(series))
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
