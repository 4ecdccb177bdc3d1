package pixel

// A colour conversion turns pixels of three bytes to red, green and blue, in place.
type conversion func(b []byte)

// conversions holds who converts what (PS3.3 C.7.6.3.1.2).
var conversions = map[string]conversion{
	YBRFull:    fromFull,
	YBRFull422: fromFull,
	YBRICT:     fromFull, // a codec turns it back; what is left has these factors
	ybrPartial: fromPartial,
}

// toRGB converts the frame if it has three samples of 8 bits in colours that
// this package can convert, and reports whether it is RGB then.
func (f *Frame) toRGB() bool {
	if f.PhotometricInterpretation == RGB {
		return true
	}
	c := conversions[f.PhotometricInterpretation]
	if c == nil || f.SamplesPerPixel != 3 || f.BitsAllocated != 8 {
		return false
	}
	c(f.Data)
	f.PhotometricInterpretation = RGB
	return true
}

// Factors of ITU-R BT.601 times 2^16.
const (
	half   = 1 << 15
	redCr  = 91881  // 1.40200
	blueCb = 116130 // 1.77200
	greCr  = -46802 // -0.71414
	greCb  = -22554 // -0.34414
)

// fromFull converts YBR_FULL.
func fromFull(b []byte) {
	for ; len(b) >= 3; b = b[3:] {
		y, cb, cr := int32(b[0]), int32(b[1])-128, int32(b[2])-128
		b[0] = clip(y + (redCr*cr+half)>>16)
		b[1] = clip(y + (greCb*cb+greCr*cr+half)>>16)
		b[2] = clip(y + (blueCb*cb+half)>>16)
	}
}

// fromPartial converts YBR_PARTIAL: luminance from 16 to 235, differences from
// 16 to 240.
func fromPartial(b []byte) {
	for ; len(b) >= 3; b = b[3:] {
		y, cb, cr := 1.1644*(float64(b[0])-16), float64(b[1])-128, float64(b[2])-128
		b[0] = clip(int32(y + 1.5960*cr + 0.5))
		b[1] = clip(int32(y - 0.3917*cb - 0.8130*cr + 0.5))
		b[2] = clip(int32(y + 2.0173*cb + 0.5))
	}
}

// clip returns v as a byte.
func clip(v int32) byte { return byte(min(max(v, 0), 255)) }
