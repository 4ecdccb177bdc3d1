package pixel

import (
	"radagora/dicom/uid"
	"radagora/fault"
)

// A Frame is one decoded frame: samples of a pixel side by side, rows from the
// top, little endian. Its Info speaks of Data: PlanarConfiguration is 0, a
// single bit has become a byte, and the photometric interpretation is what the
// samples are now, which differs from the data set's where a decoder turned
// colours back (JPEG's and JPEG 2000's own colour transformations).
type Frame struct {
	Info
	Data []byte
}

// A decoder turns the bytes of a frame into samples.
type decoder func(i Info, b []byte) (*Frame, error)

// decoders holds who decodes which transfer syntax (PS3.5 Annex A).
var decoders = map[uid.UID]decoder{
	uid.ImplicitVRLittleEndian:                         decodeNative,
	uid.ExplicitVRLittleEndian:                         decodeNative,
	uid.ExplicitVRBigEndian:                            decodeNative,
	uid.DeflatedExplicitVRLittleEndian:                 decodeNative,
	uid.GEPrivateImplicitVRBigEndian:                   decodeNative,
	uid.Papyrus3ImplicitVRLittleEndian:                 decodeNative,
	uid.EncapsulatedUncompressedExplicitVRLittleEndian: decodeNative,
	uid.DeflatedImageFrameCompression:                  decodeDeflated,
	uid.RLELossless:                                    decodeRLE,
	uid.JPEGBaseline8Bit:                               family,
	uid.JPEGExtended12Bit:                              family,
	uid.JPEGSpectralSelectionNonHierarchical68:         family,
	uid.JPEGFullProgressionNonHierarchical1012:         family,
	uid.JPEGLossless:                                   family,
	uid.JPEGLosslessSV1:                                family,
	uid.JPEGLSLossless:                                 family,
	uid.JPEG2000Lossless:                               family,
	uid.JPEG2000:                                       family,
	uid.HTJ2KLossless:                                  family,
	uid.HTJ2KLosslessRPCL:                              family,
	uid.HTJ2K:                                          family,
	uid.JPEGLSNearLossless:                             family,
}

// CanDecode reports whether Decode knows the transfer syntax.
func CanDecode(ts uid.UID) bool { return decoders[ts] != nil }

// Decode returns the samples of one frame. b is the frame as it stands in the
// object: its fragments joined, or its part of native Pixel Data in the byte
// order of i.TransferSyntax (words of one bit a pixel begin at the first bit of
// b). b is not changed; Data may share its memory. Errors are Unsupported (the
// transfer syntax, or a process nobody decodes here), Invalid (b is damaged or
// does not fit i) or Exhausted (beyond MaxFrame). Should a decoder fail on bytes
// that nobody foresaw, that is Internal, and takes nothing else down with it.
func Decode(i Info, b []byte) (*Frame, error) { return decode(i, b, 0) }

// decode is Decode, the resolution halved so many times where the codestream has
// lower ones.
func decode(i Info, b []byte, reduce int) (f *Frame, err error) {
	defer func() {
		if r := recover(); r != nil {
			f, err = nil, fault.Errorf(fault.Internal, "decode a frame in transfer syntax %v: %v", i.TransferSyntax, r)
		}
	}()
	if err := i.check(); err != nil {
		return nil, err
	}
	d := decoders[i.TransferSyntax]
	if d == nil {
		return nil, fault.Errorf(fault.Unsupported, "pixels in transfer syntax %v are not decoded", i.TransferSyntax)
	}
	if reduce > 0 {
		return decodeReduced(i, b, reduce)
	}
	return d(i, b)
}
