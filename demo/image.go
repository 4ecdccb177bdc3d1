package demo

import (
	"bytes"
	"context"
	"iter"
	"strconv"
	"strings"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/fault"
)

// Images makes the images of the year: radiographs of the rooms that keep a log of
// rejected exposures, and what a scanner displayed of an examination that no report tells
// of. They show nothing of a body. They are made in the order of rooms and may be sent in
// any. The last pair carries an error as that of Objects does.
func (y *Year) Images(ctx context.Context) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		m, err := y.maker()
		if err != nil {
			yield(Object{}, err)
			return
		}
		stopped := fault.Errorf(fault.Unavailable, "nobody wants more")
		send := func(o Object, err error) error {
			if err == nil && !yield(o, nil) {
				return stopped
			}
			return err
		}
		err = m.logged(ctx, func(_ rejectLog, base report, shots []shot) error {
			for i, s := range shots {
				if err := send(base.radiograph(i+1, s)); err != nil {
					return err
				}
			}
			return nil
		})
		for i, x := range m.screens {
			if err == nil {
				err = send(m.screen(i, x))
			}
		}
		if err != nil && err != stopped { //nolint:errorlint // it is this very one
			yield(Object{}, err)
		}
	}
}

// radiograph makes the image of an exposure (PS3.3 A.26).
func (r *report) radiograph(number int, s shot) (Object, error) {
	const side = 64
	pixels := make([]byte, side*side)
	for i := range pixels {
		pixels[i] = byte(64 + (i%side+i/side)%128)
	}
	o := r.image(uid.DigitalXRayImageStorageForPresentation, s.name)
	b := r.header(o, number).
		Text(tag.Modality, "DX").Int(tag.SeriesNumber, 1).Text(tag.SeriesDescription, s.protocol).
		Text(tag.AcquisitionDate, s.at.Format(dateLayout)).Text(tag.AcquisitionTime, s.at.Format(timeLayout)).
		Text(tag.ImageType, "ORIGINAL", "PRIMARY").Text(tag.PresentationIntentType, "FOR PRESENTATION").
		UID(tag.IrradiationEventUID, r.m.uid("event", s.name)).
		Text(tag.ProtocolName, s.protocol).Int(tag.KVP, s.kv).
		Text(tag.ExposureIndex, fixed(s.index, 1)).Text(tag.TargetExposureIndex, fixed(s.target, 1)).Text(tag.DeviationIndex, deviation(s))
	return o.written(b, side, side, pixels)
}

// screen makes the picture of what a scanner displayed of an examination's dose.
func (m *maker) screen(number int, x doseScreen) (Object, error) {
	v, err := m.visitTo(x, number+1)
	if err != nil || v == nil {
		return Object{}, fault.Errorf(fault.Invalid, "demo/department: screens: room %s or its clock is none", x.room)
	}
	r := report{m: m, visit: v, what: v.what, number: 1, started: v.start, accession: accession(v, 1)}
	r.patient = m.person("adult", m.persons["adult"]+number)
	const side = 256
	pixels := make([]byte, side*side)
	letter(pixels, side, 16, 40, "DOSE REPORT")
	letter(pixels, side, 16, 80, "CTDI "+x.ctdi+" MGY")
	letter(pixels, side, 16, 110, "DLP "+x.dlp+" MGY.CM")
	o := r.image(uid.SecondaryCaptureImageStorage, v.name)
	b := r.header(o, 1).
		Text(tag.Modality, "CT").Int(tag.SeriesNumber, screenNumber).Text(tag.SeriesDescription, "Dose Report").
		Text(tag.ImageType, "DERIVED", "SECONDARY", "SCREEN SAVE").Text(tag.ConversionType, "WSD")
	return o.written(b, side, side, pixels)
}

// image returns an image of a visit without its bytes.
func (r *report) image(class uid.UID, name string) Object {
	return Object{
		SOPClass: class, SOPInstance: r.m.uid("image", name), Study: r.study(), TransferSyntax: uid.ExplicitVRLittleEndian,
		Room: r.visit.room.name, AETitle: r.visit.room.ae, At: r.visit.start,
	}
}

// header returns what all images of a visit begin with.
func (r *report) header(o Object, number int) *dicom.Builder {
	room := r.visit.room
	b := dicom.NewBuilder().
		UID(tag.SOPClassUID, o.SOPClass).UID(tag.SOPInstanceUID, o.SOPInstance).
		UID(tag.StudyInstanceUID, o.Study).UID(tag.SeriesInstanceUID, r.m.uid("images", r.visit.name)).
		Int(tag.InstanceNumber, int64(number)).
		Text(tag.StudyDate, r.visit.start.Format(dateLayout)).Text(tag.StudyTime, r.visit.start.Format(timeLayout)).
		Text(tag.ContentDate, r.visit.start.Format(dateLayout)).Text(tag.ContentTime, r.visit.start.Format(timeLayout)).
		Text(tag.StudyID, strconv.Itoa(r.visit.count)).Text(tag.AccessionNumber, r.accession).
		Text(tag.ReferringPhysicianName).Text(tag.StudyDescription, r.what.description).
		Text(tag.Manufacturer, room.manufacturer).Text(tag.ManufacturerModelName, room.model).
		Text(tag.DeviceSerialNumber, room.serial).Text(tag.StationName, room.station).
		Text(tag.SoftwareVersions, r.software()).Text(tag.InstitutionName, "Demonstration Hospital").
		Text(tag.InstitutionalDepartmentName, room.area).
		Sequence(tag.ProcedureCodeSequence, codeItem(r.what))
	r.person(b)
	return b
}

// written returns the image with its bytes: 8 bits of grey.
func (o Object) written(b *dicom.Builder, rows, columns int, pixels []byte) (Object, error) {
	b.Int(tag.SamplesPerPixel, 1).Text(tag.PhotometricInterpretation, "MONOCHROME2").
		Int(tag.Rows, int64(rows)).Int(tag.Columns, int64(columns)).
		Int(tag.BitsAllocated, 8).Int(tag.BitsStored, 8).Int(tag.HighBit, 7).Int(tag.PixelRepresentation, 0).
		Bytes(tag.PixelData, vr.OB, pixels)
	d, err := b.Dataset()
	if err != nil {
		return Object{}, err
	}
	var buf bytes.Buffer
	if err := dicom.Write(&buf, d, o.TransferSyntax); err != nil {
		return Object{}, err
	}
	o.Data = buf.Bytes()
	return o, nil
}

// letters are the shapes of what a screen says, three columns and five lines each.
var letters = map[rune]string{
	'0': "111101101101111", '1': "010110010010111", '2': "111001111100111", '3': "111001111001111", '4': "101101111001001",
	'5': "111100111001111", '6': "111100111101111", '7': "111001010010010", '8': "111101111101111", '9': "111101111001111",
	'C': "111100100100111", 'D': "110101101101110", 'E': "111100110100111", 'G': "111100101101111", 'I': "111010010010111",
	'L': "100100100100111", 'M': "101111111101101", 'O': "111101101101111", 'P': "111101111100100", 'R': "111101110101101",
	'S': "111100111001111", 'T': "111010010010010", 'Y': "101101010010010", '.': "000000000000010",
}

// letter draws a line of text, each point of a letter three pixels wide.
func letter(pixels []byte, side, x, y int, text string) {
	const point = 3
	for _, r := range strings.ToUpper(text) {
		for i, set := range letters[r] {
			if set == '0' {
				continue
			}
			for dy := range point {
				for dx := range point {
					pixels[(y+i/3*point+dy)*side+x+i%3*point+dx] = 255
				}
			}
		}
		x += 4 * point
	}
}
