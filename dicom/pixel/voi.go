package pixel

import (
	"image"
	"radagora/dicom"
	"radagora/fault"
)

func windowsOf(ds *dicom.Dataset, frame int) []Window { return nil }
func render(f *Frame, o Options) (image.Image, error) {
	return nil, fault.Errorf(fault.Unsupported, "rendering")
}
