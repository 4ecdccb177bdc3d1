package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/fault"
)

// readOne indexes the header of a file and returns its patient ID.
func readOne(name string, o *dicom.Options) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	d, err := dicom.Open(f, info.Size(), o)
	if err != nil {
		return "", err
	}
	return d.Text(tag.PatientID), nil
}

// How far a file is read.
var (
	header   = &dicom.Options{StopAt: tag.PixelData}
	oneValue = &dicom.Options{StopAt: tag.PatientID + 1}
)

// printEach writes the patient ID of each file, as dcmdump +P does, and reads no
// more than that if value says so.
func printEach(w io.Writer, names []string, value bool) error {
	o := header
	if value {
		o = oneValue
	}
	out := bufio.NewWriter(w)
	for _, name := range names {
		id, err := readOne(name, o)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if _, err := out.WriteString(id + "\n"); err != nil {
			return err
		}
	}
	return out.Flush()
}

// inProcess returns the CPU time that this process needs for the names.
func inProcess(o *dicom.Options) func([]string) (time.Duration, error) {
	return func(names []string) (time.Duration, error) {
		before, err := used()
		if err != nil {
			return 0, err
		}
		for _, name := range names {
			if id, err := readOne(name, o); err != nil || id == "" {
				return 0, fault.Errorf(fault.Invalid, "%s: no patient ID: %w", name, err)
			}
		}
		after, err := used()
		return after - before, err
	}
}

// used returns the CPU time of this process so far.
func used() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// makeFiles writes n CT images of 512 x 512 into dir, with what a scanner says of
// an image and a private block.
func makeFiles(dir string, n int) error {
	pixels := make([]byte, 512*512*2)
	noise := rand.NewChaCha8([32]byte{})
	for i := range n {
		if _, err := noise.Read(pixels); err != nil {
			return err
		}
		d, err := image(i, pixels).Dataset()
		if err != nil {
			return err
		}
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("ct-%05d.dcm", i)))
		if err != nil {
			return err
		}
		if err := dicom.WriteFile(f, d, uid.ExplicitVRLittleEndian); err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

// fields are the elements of each image that are text and always the same.
var fields = map[tag.Tag][]string{
	tag.ImageType: {"ORIGINAL", "PRIMARY", "AXIAL"}, tag.StudyDate: {"20260102"}, tag.SeriesDate: {"20260102"},
	tag.AcquisitionDate: {"20260102"}, tag.ContentDate: {"20260102"}, tag.StudyTime: {"101112"}, tag.SeriesTime: {"101213"},
	tag.AcquisitionTime: {"101214"}, tag.ContentTime: {"101215"}, tag.AccessionNumber: {"A0001"}, tag.Modality: {"CT"},
	tag.Manufacturer: {"Radagora"}, tag.InstitutionName: {"Benchmark"}, tag.ReferringPhysicianName: {"Referrer^Test"},
	tag.StationName: {"CT1"}, tag.StudyDescription: {"CT Thorax"}, tag.SeriesDescription: {"Lung 1.0 B40"},
	tag.ManufacturerModelName: {"Model"}, tag.PatientName: {"Benchmark^Äneas"}, tag.PatientID: {"BENCH-1"},
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

// image returns image number i.
func image(i int, pixels []byte) *dicom.Builder {
	namespace := uid.CTImageStorage
	b := dicom.NewBuilder().
		Text(tag.SpecificCharacterSet, "ISO_IR 100").
		UID(tag.SOPClassUID, uid.CTImageStorage).
		UID(tag.SOPInstanceUID, uid.Derive(namespace, strconv.Itoa(i))).
		UID(tag.StudyInstanceUID, uid.Derive(namespace, "study")).
		UID(tag.SeriesInstanceUID, uid.Derive(namespace, "series")).
		UID(tag.FrameOfReferenceUID, uid.Derive(namespace, "frame of reference"))
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
	for t, n := range map[tag.Tag]int64{
		tag.SamplesPerPixel: 1, tag.Rows: 512, tag.Columns: 512, tag.BitsAllocated: 16, tag.BitsStored: 12, tag.HighBit: 11, tag.PixelRepresentation: 0,
	} {
		b.Int(t, n)
	}
	b.Text(tag.New(0x0009, 0x0010), "RADAGORA BENCH")
	for e := range uint16(20) {
		b.Bytes(tag.New(0x0009, 0x1000+e), vr.OB, make([]byte, 16*int(e)))
	}
	return b.Bytes(tag.PixelData, vr.OW, pixels)
}
