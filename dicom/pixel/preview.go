package pixel

import (
	"math/bits"

	"radagora/dicom/pixel/j2k"
	"radagora/dicom/uid"
)

// Preview decodes frame n, from 0, for a picture of at most width by height, 0
// being free. Where the codestream has lower resolutions (JPEG 2000) it decodes
// the least that will do: Rows and Columns of the Frame tell which, and a picture
// of it is to be made without a Region and with NoOverlays, whose places count
// pixels of the full resolution. Errors are those of Frame.
func (f *Frames) Preview(n, width, height int) (*Frame, error) {
	b, err := f.Bytes(n)
	if err != nil {
		return nil, err
	}
	i := f.Info
	switch i.TransferSyntax {
	case uid.JPEG2000Lossless, uid.JPEG2000, uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K:
		h, err := j2k.Config(b)
		if err == nil && h.Width == i.Columns && h.Height == i.Rows {
			return decode(i, b, min(h.Levels, halvings(i, width, height)))
		}
	}
	return decode(i, b, 0)
}

// halvings returns how often the frame can be halved and still fill the picture.
func halvings(i Info, width, height int) int {
	ratio := 0
	if width > 0 {
		ratio = i.Columns / width
	}
	if height > 0 {
		ratio = max(ratio, i.Rows/height)
	}
	return max(0, bits.Len(uint(ratio))-1)
}
