package pixel

import (
	"radagora/dicom/pixel/rle"
	"radagora/dicom/uid"
	"radagora/fault"
)

// decodeRLE unpacks a frame of run length encoding (PS3.5 Annex G).
func decodeRLE(i Info, b []byte) (*Frame, error) {
	if i.BitsAllocated == 1 {
		return nil, fault.Errorf(fault.Unsupported, "RLE of single bits")
	}
	data, err := rle.Decode(b, i.Pixels(), i.SamplesPerPixel, i.BitsAllocated/8)
	if err != nil {
		return nil, err
	}
	return decoded(i, data), nil
}

// decoded returns a Frame of samples that lie as i says, side by side. Codecs
// give every pixel its own colours.
func decoded(i Info, data []byte) *Frame {
	switch i.PhotometricInterpretation {
	case YBRFull422:
		i.PhotometricInterpretation = YBRFull
	case YBRPartial422, YBRPartial420:
		i.PhotometricInterpretation = ybrPartial
	}
	i.TransferSyntax, i.NumberOfFrames, i.PlanarConfiguration = uid.ExplicitVRLittleEndian, 1, 0
	return &Frame{Info: i, Data: data}
}
