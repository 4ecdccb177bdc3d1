package worklist_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"radagora/db/dbtest"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/site"
	"radagora/worklist"
)

// FuzzIdentifier asks with anything that reads as a data set: it is answered or
// refused, what is answered can be written, and it never is more than what is asked.
func FuzzIdentifier(f *testing.F) {
	seed := func(b *dicom.Builder) {
		ds, err := b.Dataset()
		if err != nil {
			f.Fatal(err)
		}
		var out bytes.Buffer
		if err := dicom.Write(&out, ds, uid.ExplicitVRLittleEndian); err != nil {
			f.Fatal(err)
		}
		f.Add(out.Bytes())
	}
	seed(dicom.NewBuilder().Text(tag.PatientName, "M*^?").Text(tag.PatientID))
	seed(dicom.NewBuilder().Text(tag.SpecificCharacterSet, "ISO_IR 192").Text(tag.PatientName, "山田*=").
		Sequence(tag.ScheduledProcedureStepSequence, dicom.NewBuilder().Text(tag.Modality, "CT", "MR").
			Bytes(tag.ScheduledProcedureStepStartDate, tag.VROf(tag.ScheduledProcedureStepStartDate), []byte("20261122-")).
			Bytes(tag.ScheduledProcedureStepStartTime, tag.VROf(tag.ScheduledProcedureStepStartTime), []byte("-1800 "))))
	seed(dicom.NewBuilder().Sequence(tag.RequestedProcedureCodeSequence, dicom.NewBuilder().Text(tag.CodeValue, "CT*")).Sequence(tag.ReferencedStudySequence))
	f.Add([]byte("\x10\x00\x20\x00SQ\x00\x00\x00\x00\x00\x00\x40\x00\x00\x01LO\x04\x00ab\\*"))

	k := newDesk(f, dbtest.Open(f, dbtest.SQLite(f)))
	k.department()
	f.Fuzz(func(t *testing.T, raw []byte) {
		k.t = t
		in, err := dicom.ReadDataset(bytes.NewReader(raw), uid.ExplicitVRLittleEndian, nil)
		if err != nil {
			return
		}
		ctx := k.peer("CT1")
		for a, err := range k.Find(ctx, site.Default, worklist.Asked{Keys: in.Dataset, Caller: "CT1"}) {
			if err != nil {
				if kind := fault.Of(err); kind != fault.Invalid && kind != fault.Exhausted {
					t.Fatalf("Find: %v", err)
				}
				return
			}
			for e := range a.Dataset.All() {
				if e.Tag() != tag.SpecificCharacterSet && !in.Has(e.Tag()) {
					t.Errorf("%v was not asked for", e.Tag())
				}
			}
			if err := dicom.Write(&bytes.Buffer{}, a.Dataset, uid.ImplicitVRLittleEndian); err != nil {
				t.Errorf("an answer cannot be written: %v", err)
			}
		}
	})
}

// FuzzOrder keeps anything that reads as an order: it is refused with the fields that
// are wrong, or every machine can be told of it.
func FuzzOrder(f *testing.F) {
	for _, change := range []func(*worklist.Order){
		func(*worklist.Order) {},
		func(o *worklist.Order) { o.Patient.Name = "山田^太郎=やまだ" },
		func(o *worklist.Order) { o.Patient.HeightM = 1.23456789012345678 },
		func(o *worklist.Order) { o.Steps[0].Start, o.Steps[0].End = "0001-01-01T00:00:00Z", "9999-12-31T23:59" },
		func(o *worklist.Order) {
			o.Steps[0].Stations, o.Patient.Allergies = []string{"A", "A"}, []string{"", " "}
		},
	} {
		o := sample()
		change(&o)
		text, err := json.Marshal(o)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	k := newDesk(f, dbtest.Open(f, dbtest.SQLite(f)))
	f.Fuzz(func(t *testing.T, text []byte) {
		k.t = t
		var o worklist.Order
		if json.Unmarshal(text, &o) != nil {
			return
		}
		o.Site, o.Accession = site.Default, ""
		kept, _, err := k.Create(k.ctx, worklist.Request{Order: o})
		if err != nil {
			if kind := fault.Of(err); kind != fault.Invalid && kind != fault.Conflict || kind == fault.Invalid && len(worklist.Wrong(err)) == 0 {
				t.Fatalf("Create: %v", err)
			}
			return
		}
		ds, err := dicom.NewBuilder().Text(tag.AccessionNumber, kept.Accession).Dataset()
		if err != nil {
			t.Fatal(err)
		}
		k.at = kept.Steps[0].StartAt
		n := 0
		for _, err := range k.Find(k.peer("CT1"), site.Default, worklist.Asked{Keys: ds, Caller: "CT1"}) {
			if err != nil {
				t.Fatalf("Find: %v", err)
			}
			n++
		}
		if n != len(kept.Steps) {
			t.Errorf("%d steps are offered of %d", n, len(kept.Steps))
		}
	})
}
