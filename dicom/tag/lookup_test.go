package tag_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/dicom/tag"
	"radagora/dicom/vr"
)

func Example() {
	t, _ := tag.ByKeyword("PatientID")
	e, _ := tag.Lookup(t)
	fmt.Println(t, e.Name, e.VR)
	// Output: (0010,0020) Patient ID LO
}

func TestLookup(t *testing.T) {
	for _, tt := range []struct {
		name string
		tag  tag.Tag
		want tag.Entry
		ok   bool
	}{
		{"an ordinary element", tag.PatientName, tag.Entry{Tag: 0x00100010, Keyword: "PatientName", Name: "Patient's Name", VM: "1", VR: vr.PN}, true},
		{"a command element of PS3.7", 0x00000100, tag.Entry{Tag: 0x00000100, Keyword: "CommandField", Name: "Command Field", VM: "1", VR: vr.US}, true},
		{
			"a choice of VRs", tag.SmallestImagePixelValue,
			tag.Entry{Tag: 0x00280106, Keyword: "SmallestImagePixelValue", Name: "Smallest Image Pixel Value", VM: "1", VR: vr.US, Or: [2]vr.VR{vr.SS}},
			true,
		},
		{
			"words before bytes", tag.PixelData,
			tag.Entry{Tag: 0x7FE00010, Keyword: "PixelData", Name: "Pixel Data", VM: "1", VR: vr.OW, Or: [2]vr.VR{vr.OB}},
			true,
		},
		{
			"a repeating group keeps its own tag", 0x60063000,
			tag.Entry{Tag: 0x60063000, Keyword: "OverlayData", Name: "Overlay Data", VM: "1", VR: vr.OW, Or: [2]vr.VR{vr.OB}},
			true,
		},
		{"a group length that no table names", 0x00280000, tag.Entry{Tag: 0x00280000, Keyword: "GenericGroupLength", Name: "Generic Group Length", VM: "1", VR: vr.UL, Retired: true}, true},
		{"the owner of a private block", 0x00290010, tag.Entry{Tag: 0x00290010, Keyword: "PrivateCreator", Name: "Private Creator", VM: "1", VR: vr.LO}, true},
		{"a private element", 0x00291010, tag.Entry{}, false},
		{"a tag that PS3.6 does not have", 0x00104711, tag.Entry{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := tag.Lookup(tt.tag)
			if diff := cmp.Diff(tt.want, got); diff != "" || ok != tt.ok {
				t.Errorf("Lookup(%v), %v; want %v; -want +got:\n%s", tt.tag, ok, tt.ok, diff)
			}
		})
	}
}

func TestVROf(t *testing.T) {
	for _, tt := range []struct {
		name string
		tag  tag.Tag
		want vr.VR
	}{
		{"ordinary", tag.StudyDate, vr.DA},
		{"US or SS is US until Pixel Representation is known", tag.PixelPaddingValue, vr.US},
		{"OB or OW is OW in implicit VR", tag.PixelData, vr.OW},
		{"US or OW is OW", tag.LUTData, vr.OW},
		{"US or SS or OW is OW", tag.GrayLookupTableData, vr.OW},
		{"the last overlay group", 0x601E0010, vr.US},
		{"a curve group", 0x50023000, vr.OW},
		{"an odd group is private and repeats nothing", 0x60013000, vr.UN},
		{"a retired element with a digit to choose", 0x00280431, vr.US},
		{"source image IDs", 0x002031FF, vr.CS},
		{"group length", 0x00080000, vr.UL},
		{"private group length", 0x00090000, vr.UL},
		{"private creator", 0x000900FF, vr.LO},
		{"private element", 0x00091000, vr.UN},
		{"unknown", 0x00100011, vr.UN},
		{"an item has none", tag.Item, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tag.VROf(tt.tag); got != tt.want {
				t.Errorf("VROf(%v) = %v; want %v", tt.tag, got, tt.want)
			}
		})
	}
}

func TestByKeyword(t *testing.T) {
	for _, tt := range []struct {
		name, keyword string
		want          tag.Tag
		ok            bool
	}{
		{"ordinary", "StudyInstanceUID", tag.StudyInstanceUID, true},
		{"repeating", "OverlayData", 0x60003000, true},
		{"small letters are another word", "studyinstanceuid", 0, false},
		{"nameless entries are not found", "", 0, false},
		{"beyond the last", "zzz", 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, ok := tag.ByKeyword(tt.keyword); got != tt.want || ok != tt.ok {
				t.Errorf("ByKeyword(%q) = %v, %v; want %v, %v", tt.keyword, got, ok, tt.want, tt.ok)
			}
		})
	}
}

// TestAll finds every entry again by its tag and by its keyword, and holds that
// no two share either.
func TestAll(t *testing.T) {
	known, last := 0, tag.Tag(0)
	for e := range tag.All() {
		if known > 0 && e.Tag <= last {
			t.Errorf("%v comes after %v", e.Tag, last)
		}
		if got, ok := tag.Lookup(e.Tag); !ok || got != e {
			t.Errorf("Lookup(%v) = %v, %v; want %v", e.Tag, got, ok, e)
		}
		if got, ok := tag.ByKeyword(e.Keyword); e.Keyword != "" && (!ok || got != e.Tag) {
			t.Errorf("ByKeyword(%q) = %v, %v; want %v", e.Keyword, got, ok, e.Tag)
		}
		known, last = known+1, e.Tag
	}
	if known < 5000 {
		t.Errorf("%d entries; want more than 5,000", known)
	}
}

func TestNoAllocation(t *testing.T) {
	got := testing.AllocsPerRun(100, func() {
		tag.VROf(0x60063000)
		tag.Lookup(tag.PatientName)
		tag.ByKeyword("PatientName")
	})
	if got != 0 {
		t.Errorf("%v allocations; want none", got)
	}
}

func BenchmarkVROf(b *testing.B) {
	tags := []tag.Tag{tag.PatientID, tag.StudyDate, tag.SOPInstanceUID, tag.KVP, tag.Rows, tag.PixelData, 0x00290010, 0x00291010}
	for i := 0; b.Loop(); i++ {
		tag.VROf(tags[i%len(tags)])
	}
}
