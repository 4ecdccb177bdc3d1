package made

import (
	"crypto/sha256"
	"math/rand/v2"
	"path/filepath"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
)

// Cine makes an ultrasound loop below dir and returns its name: a hundred frames of
// 320 by 240 in colour, 23 MB, not compressed.
func Cine(dir string) (string, error) {
	const frames, rows, columns = 100, 240, 320
	pixels := make([]byte, frames*rows*columns*3)
	if _, err := rand.NewChaCha8(sha256.Sum256([]byte("cine"))).Read(pixels); err != nil {
		return "", err
	}
	unique := func(what string) uid.UID { return uid.Derive(uid.UltrasoundMultiFrameImageStorage, what) }
	b := dicom.NewBuilder().
		Text(tag.SpecificCharacterSet, "ISO_IR 100").
		UID(tag.SOPClassUID, uid.UltrasoundMultiFrameImageStorage).
		UID(tag.SOPInstanceUID, unique("instance")).
		UID(tag.StudyInstanceUID, unique("study")).
		UID(tag.SeriesInstanceUID, unique("series")).
		Text(tag.Modality, "US").Text(tag.StudyDate, "20260102").Text(tag.StudyTime, "101112").
		Text(tag.PatientID, "BENCH-CINE").Text(tag.PatientName, "Benchmark^Loop").
		Text(tag.NumberOfFrames, "100").Text(tag.FrameTime, "40").Tags(tag.FrameIncrementPointer, tag.FrameTime).
		Text(tag.PhotometricInterpretation, "RGB").
		Bytes(tag.PixelData, vr.OB, pixels)
	for t, n := range map[tag.Tag]int64{
		tag.SamplesPerPixel: 3, tag.PlanarConfiguration: 0, tag.Rows: rows, tag.Columns: columns,
		tag.BitsAllocated: 8, tag.BitsStored: 8, tag.HighBit: 7, tag.PixelRepresentation: 0,
	} {
		b.Int(t, n)
	}
	name := filepath.Join(dir, "cine.dcm")
	return name, write(name, b)
}
