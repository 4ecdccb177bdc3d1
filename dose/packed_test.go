package dose

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/fault"
)

// What is packed comes out as it went in, and takes a fraction of the room.
func TestPack(t *testing.T) {
	lines := bytes.Split(bytes.TrimSpace(packing1), []byte("\n"))
	if len(lines) < 4 {
		t.Fatalf("the packing is made of %d events; want one of each modality", len(lines))
	}
	for _, line := range lines {
		var e, back EventJSON
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		*e.UID = "2.25.1234"
		e.Values = append(e.Values, e.Values[0])
		packed, err := pack(e)
		if err != nil {
			t.Fatal(err)
		}
		if err := unpack(packed, &back); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(e, back); d != "" {
			t.Error(d)
		}
		if len(packed) > len(line)/4 {
			t.Errorf("%d bytes are packed in %d", len(line), len(packed))
		}
	}
	var long any
	if err := unpack(nil, &long); err != nil || long != nil {
		t.Errorf("unpack of nothing: %v, %v", long, err)
	}
	for _, bad := range [][]byte{{2, 0}, {1}, {1, 0xff, 0xff}} {
		if err := unpack(bad, &long); fault.Of(err) != fault.Internal {
			t.Errorf("unpack(%x): %v; want an error of kind Internal", bad, err)
		}
	}
}
