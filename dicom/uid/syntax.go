package uid

import "strings"

// A Syntax is how a transfer syntax lays out a data set. Its zero value is
// explicit VR, little endian, nothing compressed.
type Syntax struct {
	Implicit     bool // elements do not tell their VR
	BigEndian    bool // numbers begin with the high byte
	Deflated     bool // the data set after the meta header is one deflate stream (RFC 1951)
	Encapsulated bool // Pixel Data is a row of fragments of undefined length (PS3.5 Annex A.4)
}

// encapsulated begins the UIDs of the families that compress frames: JPEG and
// what came after it, including video.
const encapsulated = "1.2.840.10008.1.2.4."

// syntaxes holds the transfer syntaxes that do not follow from encapsulated.
var syntaxes = map[UID]Syntax{
	ImplicitVRLittleEndian:                          {Implicit: true},     // PS3.5 A.1
	ExplicitVRLittleEndian:                          {},                   // A.2
	ExplicitVRBigEndian:                             {BigEndian: true},    // A.3, retired
	EncapsulatedUncompressedExplicitVRLittleEndian:  {Encapsulated: true}, // A.4
	DeflatedExplicitVRLittleEndian:                  {Deflated: true},     // A.5
	JPIPReferenced:                                  {},                   // A.6: a URL instead of pixels
	JPIPReferencedDeflate:                           {Deflated: true},     // A.7
	JPIPHTJ2KReferenced:                             {},                   // as JPIPReferenced
	JPIPHTJ2KReferencedDeflate:                      {Deflated: true},     // as JPIPReferencedDeflate
	RLELossless:                                     {Encapsulated: true}, // A.4.2
	DeflatedImageFrameCompression:                   {Encapsulated: true}, // A.4.13: each frame by itself
	RFC2557MIMEEncapsulation:                        {},                   // retired
	XMLEncoding:                                     {},                   // retired
	Papyrus3ImplicitVRLittleEndian:                  {Implicit: true},     // retired
	SMPTEST211020UncompressedProgressiveActiveVideo: {},                   // PS3.22: never in a file
	SMPTEST211020UncompressedInterlacedActiveVideo:  {},
	SMPTEST211030PCMDigitalAudio:                    {},
	GEPrivateImplicitVRBigEndian:                    {Implicit: true},
}

// GEPrivateImplicitVRBigEndian is a private transfer syntax of old devices of one
// vendor: implicit VR, little endian, save that words of Pixel Data begin with the
// high byte.
var GEPrivateImplicitVRBigEndian = UID{"1.2.840.113619.5.2"}

// SyntaxOf returns how the transfer syntax u lays out a data set and whether it is
// known. For one that is not, the answer is the zero Syntax, explicit VR little
// endian, which is what PS3.5 section 10 leaves to any future one with
// compressed pixels.
func SyntaxOf(u UID) (s Syntax, known bool) {
	if s, known = syntaxes[u]; known {
		return s, true
	}
	if strings.HasPrefix(u.s, encapsulated) {
		e, _ := Lookup(u)
		return Syntax{Encapsulated: true}, e.Type == "Transfer Syntax"
	}
	return Syntax{}, false
}
