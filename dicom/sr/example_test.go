package sr_test

import (
	"os"

	"radagora/dicom"
	"radagora/dicom/sr"
	"radagora/dicom/uid"
)

var dicomExplicit = uid.ExplicitVRLittleEndian

func Example() {
	b := dicom.NewBuilder()
	sr.Append(b, sr.NewContainer("", sr.Code{Value: "113701", Scheme: "DCM", Meaning: "X-Ray Radiation Dose Report"},
		sr.NewNum(sr.Contains, sr.Code{Value: "113813", Scheme: "DCM", Meaning: "CT Dose Length Product Total"},
			"415.82", sr.Code{Value: "mGy.cm", Scheme: "UCUM", Meaning: "mGy.cm"})), "10011")
	d, _ := b.Dataset()
	doc, _ := sr.Parse(d)
	_ = doc.Text(os.Stdout)
	// Output:
	// CONTAINER X-Ray Radiation Dose Report (113701, DCM)
	//   contains NUM CT Dose Length Product Total (113813, DCM) = 415.82 mGy.cm
}
