// Package made makes the objects that programs are measured with.
//
// They are CT images with what a scanner says of an image, and noise for
// pixels, so that nothing between sender and disk can compress them. All of it
// is synthetic; the same set is the same bytes each time it is made.
package made

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
)

// A Set is images that are alike, in studies of one series each.
type Set struct {
	Name               string // sets of different names have no UID in common
	Studies, Instances int    // instances of each study
	Edge               int    // rows and columns of an image of 16 bits
	Private            bool   // whether images have a private block, of about 3 KB
}

// Write makes the files of s below dir, which must exist, and returns their names
// by study.
func (s Set) Write(dir string) ([][]string, error) {
	noise := rand.NewChaCha8(sha256.Sum256([]byte(s.Name)))
	pixels, studies := make([]byte, 2*s.Edge*s.Edge), make([][]string, s.Studies)
	for study := range studies {
		folder := filepath.Join(dir, fmt.Sprintf("%s-%05d", s.Name, study))
		if err := os.Mkdir(folder, 0o700); err != nil {
			return nil, err
		}
		for i := range s.Instances {
			if _, err := noise.Read(pixels); err != nil {
				return nil, err
			}
			name := filepath.Join(folder, fmt.Sprintf("%05d.dcm", i))
			if err := write(name, s.image(study, i, pixels)); err != nil {
				return nil, err
			}
			studies[study] = append(studies[study], name)
		}
	}
	return studies, nil
}

// write makes one file.
func write(name string, b *dicom.Builder) error {
	d, err := b.Dataset()
	if err != nil {
		return err
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := dicom.WriteFile(f, d, uid.ExplicitVRLittleEndian); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// fields are the elements of each image that are text and always the same.
var fields = map[tag.Tag][]string{
	tag.ImageType: {"ORIGINAL", "PRIMARY", "AXIAL"}, tag.StudyDate: {"20260102"}, tag.SeriesDate: {"20260102"},
	tag.AcquisitionDate: {"20260102"}, tag.ContentDate: {"20260102"}, tag.StudyTime: {"101112"}, tag.SeriesTime: {"101213"},
	tag.AcquisitionTime: {"101214"}, tag.ContentTime: {"101215"}, tag.AccessionNumber: {"A0001"}, tag.Modality: {"CT"},
	tag.Manufacturer: {"Radagora"}, tag.InstitutionName: {"Benchmark"}, tag.ReferringPhysicianName: {"Referrer^Test"},
	tag.StationName: {"CT1"}, tag.StudyDescription: {"CT Thorax"}, tag.SeriesDescription: {"Lung 1.0 B40"},
	tag.ManufacturerModelName: {"Model"}, tag.PatientName: {"Benchmark^Äneas"},
	tag.PatientBirthDate: {"19500101"}, tag.PatientSex: {"O"}, tag.PatientAge: {"076Y"}, tag.PatientWeight: {"70"},
	tag.ContrastBolusAgent: {}, tag.BodyPartExamined: {"CHEST"}, tag.ScanOptions: {"HELICAL MODE"}, tag.SliceThickness: {"1.0"},
	tag.KVP: {"120"}, tag.DataCollectionDiameter: {"500"}, tag.DeviceSerialNumber: {"1"}, tag.SoftwareVersions: {"1.0"},
	tag.ProtocolName: {"Thorax"}, tag.ReconstructionDiameter: {"360"}, tag.GantryDetectorTilt: {"0"}, tag.TableHeight: {"150"},
	tag.RotationDirection: {"CW"}, tag.ExposureTime: {"500"}, tag.XRayTubeCurrent: {"220"}, tag.Exposure: {"110"},
	tag.FilterType: {"BODY"}, tag.GeneratorPower: {"30"}, tag.FocalSpots: {"1.2"}, tag.ConvolutionKernel: {"B40"},
	tag.PatientPosition: {"HFS"}, tag.StudyID: {"1"}, tag.SeriesNumber: {"2"}, tag.AcquisitionNumber: {"1"},
	tag.PatientOrientation: {"L", "P"}, tag.ImageOrientationPatient: {"1", "0", "0", "0", "1", "0"},
	tag.PositionReferenceIndicator: {}, tag.PhotometricInterpretation: {"MONOCHROME2"}, tag.PixelSpacing: {"0.703125", "0.703125"},
	tag.RescaleIntercept: {"-1024"}, tag.RescaleSlope: {"1"}, tag.RescaleType: {"HU"}, tag.WindowCenter: {"40"}, tag.WindowWidth: {"400"},
}

// image returns image number i of a study.
func (s Set) image(study, i int, pixels []byte) *dicom.Builder {
	unique := func(what string, n ...int) uid.UID {
		return uid.Derive(uid.CTImageStorage, fmt.Sprint(s.Name, what, n))
	}
	b := dicom.NewBuilder().
		Text(tag.SpecificCharacterSet, "ISO_IR 100").
		UID(tag.SOPClassUID, uid.CTImageStorage).
		UID(tag.SOPInstanceUID, unique("instance", study, i)).
		UID(tag.StudyInstanceUID, unique("study", study)).
		UID(tag.SeriesInstanceUID, unique("series", study)).
		UID(tag.FrameOfReferenceUID, unique("frame of reference", study)).
		Text(tag.PatientID, fmt.Sprintf("BENCH-%d", study+1))
	for t, values := range fields {
		b.Text(t, values...)
	}
	position := strconv.Itoa(-i)
	b.Text(tag.InstanceNumber, strconv.Itoa(i+1)).
		Text(tag.ImagePositionPatient, "-180", "-180", position).
		Text(tag.SliceLocation, position).
		Float(tag.CTDIvol, 7.4).
		Sequence(tag.CTDIPhantomTypeCodeSequence, dicom.NewBuilder().
			Text(tag.CodeValue, "113691").Text(tag.CodingSchemeDesignator, "DCM").Text(tag.CodeMeaning, "IEC Body Dosimetry Phantom"))
	for t, n := range map[tag.Tag]int{
		tag.SamplesPerPixel: 1, tag.Rows: s.Edge, tag.Columns: s.Edge, tag.BitsAllocated: 16, tag.BitsStored: 12, tag.HighBit: 11, tag.PixelRepresentation: 0,
	} {
		b.Int(t, int64(n))
	}
	if s.Private {
		b.Text(tag.New(0x0009, 0x0010), "RADAGORA BENCH")
		for e := range uint16(20) {
			b.Bytes(tag.New(0x0009, 0x1000+e), vr.OB, make([]byte, 16*int(e)))
		}
	}
	return b.Bytes(tag.PixelData, vr.OW, pixels)
}
