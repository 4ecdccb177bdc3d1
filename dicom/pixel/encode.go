package pixel

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"image"
	stdjpeg "image/jpeg"

	"radagora/dicom/pixel/j2k"
	"radagora/dicom/pixel/jpeg"
	"radagora/dicom/pixel/jpegls"
	"radagora/dicom/pixel/rle"
	"radagora/dicom/uid"
	"radagora/fault"
)

// encoders holds who compresses frames without loss into which transfer syntax.
var encoders = map[uid.UID]func(*Frame) ([]byte, error){
	uid.EncapsulatedUncompressedExplicitVRLittleEndian: func(f *Frame) ([]byte, error) { return f.Data, nil },
	uid.DeflatedImageFrameCompression:                  encodeDeflated,
	uid.RLELossless:                                    encodeRLE,
	uid.JPEGLosslessSV1:                                encodeJPEG,
	uid.JPEGLossless:                                   encodeJPEG,
	uid.JPEGLSLossless:                                 encodeJPEGLS,
	uid.JPEG2000Lossless:                               encodeJ2K,
}

// rawEncoders are those of them that do not care how samples lie.
var rawEncoders = map[uid.UID]bool{
	uid.EncapsulatedUncompressedExplicitVRLittleEndian: true,
	uid.DeflatedImageFrameCompression:                  true,
}

// Encode compresses f without loss for transfer syntax ts. Errors are
// Unsupported: the transfer syntax, or a layout that its codec does not have.
func Encode(f *Frame, ts uid.UID) ([]byte, error) {
	if e := encoders[ts]; e != nil {
		return e(f)
	}
	return nil, fault.Errorf(fault.Unsupported, "frames are not encoded in transfer syntax %v", ts)
}

// Defined terms of Lossy Image Compression Method (PS3.3 C.7.6.1.1.5.1).
const (
	lossJPEG   = "ISO_10918_1"
	lossJPEGLS = "ISO_14495_1"
	lossJ2K    = "ISO_15444_1"
	lossHTJ2K  = "ISO_15444_15"
)

// lossMethod returns how the frame b was compressed with loss, "" if it was not.
func lossMethod(ts uid.UID, b []byte) string {
	switch {
	case ts == uid.RLELossless || ts == uid.DeflatedImageFrameCompression || native(ts):
	case bytes.HasPrefix(b, []byte{0xFF, 0xD8}) && startsJPEGLS(b):
		if h, err := jpegls.DecodeHeader(b); err == nil && h.Near > 0 {
			return lossJPEGLS
		}
	case bytes.HasPrefix(b, []byte{0xFF, 0xD8}):
		if h, err := jpeg.DecodeHeader(b); err == nil && (!h.Lossless || h.PointTransform > 0) {
			return lossJPEG
		}
	default:
		switch h, err := j2k.Config(b); {
		case err != nil || h.Reversible:
		case h.HighThroughput:
			return lossHTJ2K
		default:
			return lossJ2K
		}
	}
	return ""
}

// encodeDeflated deflates native samples (PS3.5 A.4.13).
func encodeDeflated(f *Frame) ([]byte, error) {
	var out bytes.Buffer
	z, err := flate.NewWriter(&out, flate.DefaultCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(f.Data); err != nil {
		return nil, err
	}
	err = z.Close()
	return out.Bytes(), err
}

// encodeRLE packs by runs.
func encodeRLE(f *Frame) ([]byte, error) {
	if f.BitsAllocated < 8 || f.Float {
		return nil, fault.Errorf(fault.Unsupported, "RLE of single bits or floating point numbers")
	}
	return rle.Encode(f.Data, f.Columns, f.SamplesPerPixel, f.BitsAllocated/8)
}

// encodeJPEG compresses with process 14, selection value 1.
func encodeJPEG(f *Frame) ([]byte, error) {
	precision, err := f.precision()
	if err != nil {
		return nil, err
	}
	return jpeg.EncodeLossless(f.packed(precision), f.Columns, f.Rows, f.SamplesPerPixel, precision)
}

// encodeJPEGLS compresses with JPEG-LS.
func encodeJPEGLS(f *Frame) ([]byte, error) {
	precision, err := f.precision()
	if err != nil {
		return nil, err
	}
	return jpegls.Encode(f.packed(precision), f.Columns, f.Rows, f.SamplesPerPixel, precision)
}

// precision returns how many bits must be kept so that cells come back as they
// are: those stored, or all if any other bit is set, be it a sign or an overlay.
func (f *Frame) precision() (int, error) {
	if f.BitsAllocated != 8 && f.BitsAllocated != 16 || f.Float {
		return 0, fault.Errorf(fault.Unsupported, "cells of %d bits in JPEG", f.BitsAllocated)
	}
	if f.BitsAllocated == 8 {
		for _, v := range f.Data {
			if int(v)>>(f.HighBit+1) != 0 {
				return 8, nil
			}
		}
		return max(2, f.HighBit+1), nil
	}
	mask := uint16(0xFFFF) << (f.HighBit + 1)
	for k := 0; k+1 < len(f.Data); k += 2 {
		if binary.LittleEndian.Uint16(f.Data[k:])&mask != 0 {
			return 16, nil
		}
	}
	return max(2, f.HighBit+1), nil
}

// packed returns the samples as codecs take them: a byte each up to 8 bits.
func (f *Frame) packed(precision int) []byte {
	if f.BitsAllocated == 8 || precision > 8 {
		return f.Data
	}
	all := make([]byte, len(f.Data)/2)
	for k := range all {
		all[k] = f.Data[2*k]
	}
	return all
}

// packBits is the opposite of unpackBits.
func packBits(b []byte) []byte {
	all := make([]byte, (len(b)+7)/8)
	for k, v := range b {
		all[k>>3] |= v & 1 << (k & 7)
	}
	return all
}

// encodeBaseline compresses with loss.
func encodeBaseline(f *Frame, quality int) ([]byte, error) {
	if f.BitsAllocated != 8 || f.BitsStored != 8 || f.Signed() {
		return nil, fault.Errorf(fault.Unsupported, "JPEG Baseline of %d bits", f.BitsStored)
	}
	if quality <= 0 {
		quality = 90
	}
	g := *f
	if g.PhotometricInterpretation != RGB {
		g.Data = bytes.Clone(f.Data) // it may be part of the source
	}
	var picture image.Image
	size := image.Rect(0, 0, f.Columns, f.Rows)
	switch {
	case f.SamplesPerPixel == 1 && f.PhotometricInterpretation != PaletteColor:
		picture = &image.Gray{Pix: f.Data, Stride: f.Columns, Rect: size}
	case f.SamplesPerPixel == 3 && g.toRGB():
		picture = opaque(g.Data, size)
	default:
		return nil, fault.Errorf(fault.Unsupported, "JPEG Baseline of %s", f.PhotometricInterpretation)
	}
	var out bytes.Buffer
	err := stdjpeg.Encode(&out, picture, &stdjpeg.Options{Quality: min(quality, 100)})
	return out.Bytes(), err
}

// opaque makes a picture of red, green and blue bytes.
func opaque(b []byte, size image.Rectangle) *image.RGBA {
	m := image.NewRGBA(size)
	for k, at := 0, 0; k+3 <= len(b) && at+4 <= len(m.Pix); k, at = k+3, at+4 {
		m.Pix[at], m.Pix[at+1], m.Pix[at+2], m.Pix[at+3] = b[k], b[k+1], b[k+2], 0xFF
	}
	return m
}
