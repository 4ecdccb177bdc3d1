package dose

import (
	"slices"
	"strconv"
	"strings"

	"radagora/dicom"
	"radagora/dicom/sr"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/ucum"
)

// A Class is how a dose became known, in the order of rank: what a dose report
// says counts before what the header of an image says.
type Class string

// The classes.
const (
	FromReport Class = "report"
	FromImage  Class = "image"
	FromMPPS   Class = "mpps"
	FromOCR    Class = "ocr"
	FromManual Class = "manual"
	FromImport Class = "imported"
)

// classes are all of them in the order of rank.
var classes = []Class{FromReport, FromImage, FromMPPS, FromOCR, FromManual, FromImport}

// lower returns the one of two classes that ranks lower; "" ranks above all.
func lower(a, b Class) Class {
	if slices.Index(classes, b) > slices.Index(classes, a) {
		return b
	}
	return a
}

// imageKinds are the storage classes whose headers tell of irradiation, with the
// kind of report that they stand in for. A secondary capture is none of them.
var imageKinds = map[uid.UID]Kind{
	uid.CTImageStorage:                                    CT,
	uid.EnhancedCTImageStorage:                            CT,
	uid.LegacyConvertedEnhancedCTImageStorage:             CT,
	uid.ComputedRadiographyImageStorage:                   Projection,
	uid.DigitalXRayImageStorageForPresentation:            Projection,
	uid.DigitalXRayImageStorageForProcessing:              Projection,
	uid.DigitalIntraOralXRayImageStorageForPresentation:   Projection,
	uid.DigitalIntraOralXRayImageStorageForProcessing:     Projection,
	uid.XRayAngiographicImageStorage:                      Projection,
	uid.EnhancedXAImageStorage:                            Projection,
	uid.XRayRadiofluoroscopicImageStorage:                 Projection,
	uid.EnhancedXRFImageStorage:                           Projection,
	uid.DigitalMammographyXRayImageStorageForPresentation: Mammography,
	uid.DigitalMammographyXRayImageStorageForProcessing:   Mammography,
	uid.BreastTomosynthesisImageStorage:                   Mammography,
	uid.BreastProjectionXRayImageStorageForPresentation:   Mammography,
	uid.BreastProjectionXRayImageStorageForProcessing:     Mammography,
	uid.PositronEmissionTomographyImageStorage:            Nuclear,
	uid.LegacyConvertedEnhancedPETImageStorage:            Nuclear,
	uid.EnhancedPETImageStorage:                           Nuclear,
	uid.NuclearMedicineImageStorage:                       Nuclear,
}

// TellsDose reports whether objects of a class bear in their headers what can stand
// in for a dose report.
func TellsDose(class uid.UID) bool { return imageKinds[class] != "" }

// A pictured is what ties an image to an irradiation event.
type pictured struct {
	series      uid.UID
	acquisition string    // number within the series
	events      []uid.UID // of the header; several if the image was made of several
	sources     []uid.UID // images that it was made of
	view        string
}

// An element is one attribute of an image that tells of the irradiation.
type element struct {
	tag   tag.Tag
	field Field
	unit  string // in the file, by PS3.3; "" of a text
	kept  string // "" is unit
}

// elements are the attributes by kind, those that count first where one field has
// several.
var elements = map[Kind][]element{
	CT: {
		{tag.CTDIvol, FieldCTDIvol, "mGy", ""},
		{tag.WaterEquivalentDiameter, "water_diameter_mm", "mm", ""},
		{tag.ScanLength, "header_length_mm", "mm", ""},
		{tag.SpiralPitchFactor, FieldPitch, "1", ""},
		{tag.SingleCollimationWidth, FieldSingle, "mm", ""},
		{tag.TotalCollimationWidth, FieldCollimation, "mm", ""},
		{tag.RevolutionTime, "rotation_s", "s", ""},
	},
	Projection: {
		{tag.ImageAndFluoroscopyAreaDoseProduct, FieldDAP, "dGy.cm2", "Gy.m2"},
		{tag.ExposureIndex, "exposure_index", "1", ""},
		{tag.TargetExposureIndex, "target_exposure_index", "1", ""},
		{tag.DeviationIndex, "deviation_index", "1", ""},
		{tag.RelativeXRayExposure, "relative_exposure", "1", ""}, // on a scale of the vendor
		{tag.DistanceSourceToDetector, "source_to_detector_mm", "mm", ""},
	},
	Mammography: {
		{tag.OrganDose, FieldAGD, "dGy", "mGy"},
		{tag.EntranceDoseInmGy, "entrance_mgy", "mGy", ""},
		{tag.EntranceDose, "entrance_mgy", "dGy", "mGy"},
		{tag.BodyPartThickness, "compression_mm", "mm", ""},
		{tag.CompressionForce, "compression_n", "N", ""},
		{tag.HalfValueLayer, "hvl_mm", "mm", ""},
		{tag.AnodeTargetMaterial, "anode", "", ""},
		{tag.RelativeXRayExposure, "relative_exposure", "1", ""},
		{tag.ExposureIndex, "exposure_index", "1", ""},
		{tag.TargetExposureIndex, "target_exposure_index", "1", ""},
		{tag.DeviationIndex, "deviation_index", "1", ""},
	},
}

// tube are the attributes of all images that an X-ray tube made.
var tube = []element{
	{tag.KVP, FieldKVP, "kV", ""},
	{tag.XRayTubeCurrent, FieldCurrent, "mA", ""},
	{tag.XRayTubeCurrentInmA, FieldCurrent, "mA", ""},
	{tag.ExposureTime, FieldExposureTime, "ms", "s"},
	{tag.ExposureTimeInms, FieldExposureTime, "ms", "s"},
	{tag.ExposureInuAs, FieldCharge, "uA.s", ""},
	{tag.ExposureInmAs, FieldCharge, "mA.s", "uA.s"},
	{tag.Exposure, FieldCharge, "mA.s", "uA.s"}, // a whole number: 0 below 1 mA.s
	{tag.FilterMaterial, "filter_material", "", ""},
	{tag.ViewPosition, "view", "", ""},
}

// everywhere are texts of all images.
var everywhere = []element{
	{tag.ProtocolName, FieldProtocol, "", ""},
	{tag.BodyPartExamined, FieldRegion, "", ""},
	{tag.PresentationIntentType, "presentation", "", ""},
	{tag.CommentsOnRadiationDose, FieldComment, "", ""},
}

// given are the attributes of a radiopharmaceutical (PS3.3 C.8.9.2). The unit of
// the activity depends on the kind of image.
var given = []element{
	{tag.RadionuclideHalfLife, "half_life_s", "s", ""},
	{tag.RadiopharmaceuticalVolume, "volume_cm3", "cm3", ""},
	{tag.Radiopharmaceutical, "agent", "", ""},
	{tag.RadiopharmaceuticalRoute, "route", "", ""},
	{tag.RadiopharmaceuticalStartTime, "start_time", "", ""},
}

// ReadImage reads what the header of an image says of its irradiation, with the
// default thresholds. See Reader.ReadImage.
func ReadImage(d *dicom.Dataset) (*Report, error) { return Reader{Defaults()}.ReadImage(d) }

// ReadImage reads what the header of an image says of its irradiation: a report of
// class FromImage with one event, or one for each radiopharmaceutical, and no
// totals. Join makes one event of images of the same irradiation and lets dose
// reports count before them. Objects that are no image of an X-ray tube or of a
// radiopharmaceutical are fault.Unsupported.
func (rd Reader) ReadImage(d *dicom.Dataset) (*Report, error) {
	class := d.UID(tag.SOPClassUID)
	kind := imageKinds[class]
	if kind == "" {
		return nil, fault.Errorf(fault.Unsupported, "no image whose header tells of irradiation: SOP class %s", class)
	}
	r := &Report{Class: FromImage, Kind: kind}
	w := &warnings{}
	r.header(d, rd.Thresholds, w)
	in := imaged{d: d, zone: d.Text(tag.TimezoneOffsetFromUTC), warnings: w, t: rd.Thresholds}
	in.groups = frames(d)
	r.image = pictured{
		series: r.Series, acquisition: d.Text(tag.AcquisitionNumber), events: d.UIDs(tag.IrradiationEventUID),
		view: d.Text(tag.ViewPosition),
	}
	for _, s := range d.Items(tag.SourceImageSequence) {
		if u := s.UID(tag.ReferencedSOPInstanceUID); !u.IsZero() {
			r.image.sources = append(r.image.sources, u)
		}
	}
	if kind == Nuclear {
		r.Events = in.administrations(class)
	} else {
		r.Events = []*Event{in.exposure(kind)}
	}
	if r.StudyDate.IsZero() {
		w.add(tag.StudyDate.String(), WarnNoDate)
	}
	for _, path := range r.keys() {
		w.add(path, WarnEventTwice)
	}
	for _, e := range r.Events {
		rd.Thresholds.event(r, e, w)
		rd.Thresholds.deviation(e, w)
	}
	r.Warnings = w.list
	return r, nil
}

// An imaged is the reading of one image.
type imaged struct {
	d        *dicom.Dataset
	groups   []*dicom.Dataset // functional groups of an enhanced image
	zone     string
	t        Thresholds
	warnings *warnings
}

// frames returns the items of functional groups that may hold what an event is
// about: what all frames share, and then what the first frame has (PS3.3 C.7.6.16).
func frames(d *dicom.Dataset) (all []*dicom.Dataset) {
	for _, t := range []tag.Tag{tag.SharedFunctionalGroupsSequence, tag.PerFrameFunctionalGroupsSequence} {
		group := d.Item(t)
		if group == nil {
			continue
		}
		for _, macro := range []tag.Tag{
			tag.CTExposureSequence, tag.CTAcquisitionTypeSequence, tag.CTAcquisitionDetailsSequence, tag.CTXRayDetailsSequence,
			tag.IrradiationEventIdentificationSequence, tag.FrameAnatomySequence, tag.FrameAcquisitionSequence,
		} {
			if item := group.Item(macro); item != nil {
				all = append(all, item)
			}
		}
	}
	return all
}

// holder returns the data set that has t, and nil if none has it.
func (in imaged) holder(t tag.Tag) *dicom.Dataset {
	if in.d.Has(t) {
		return in.d
	}
	for _, g := range in.groups {
		if g.Has(t) {
			return g
		}
	}
	return nil
}

// exposure reads the event of an X-ray image.
func (in imaged) exposure(kind Kind) *Event {
	e := &Event{}
	for _, rows := range [][]element{elements[kind], tube, everywhere} {
		for _, row := range rows {
			if from := in.holder(row.tag); from != nil {
				e.Values = append(e.Values, in.value(from, row))
			}
		}
	}
	if view, ok := in.coded(tag.ViewCodeSequence, "view"); ok {
		e.Values = append(e.Values, view)
	}
	if phantom, ok := in.coded(tag.CTDIPhantomTypeCodeSequence, FieldPhantom); ok {
		e.Values, e.Phantom = append(e.Values, phantom), phantom.Coded.Word
	}
	if from := in.holder(tag.IrradiationEventUID); from != nil && len(from.UIDs(tag.IrradiationEventUID)) == 1 {
		e.UID = from.UIDs(tag.IrradiationEventUID)[0]
	}
	e.Started = in.acquired()
	e.Protocol = e.Values.Text(FieldProtocol)
	e.Region = Coded{Written: sr.Code{Meaning: e.Values.Text(FieldRegion)}}
	e.Laterality = sides[strings.ToUpper(orText(in.d.Text(tag.ImageLaterality), in.d.Text(tag.Laterality)))]
	if side := in.holder(tag.ImageLaterality); side != nil {
		v := Value{Field: FieldLaterality, Path: tag.ImageLaterality.String(), Raw: side.Text(tag.ImageLaterality)}
		v.Text = v.Raw
		e.Values = append(e.Values, v)
	}
	e.Type = in.acquisitionType(kind)
	return e
}

// sides are this program's words for the values of Laterality.
var sides = map[string]string{"L": "left", "R": "right", "B": "both"}

// orText returns the first text that is not empty.
func orText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// acquired returns when the image was acquired, as far as the header says.
func (in imaged) acquired() Moment {
	for _, g := range append([]*dicom.Dataset{in.d}, in.groups...) {
		for _, t := range []tag.Tag{tag.FrameAcquisitionDateTime, tag.AcquisitionDateTime} {
			if m := parseMoment(g.Text(t), in.zone); !m.IsZero() {
				return m
			}
		}
	}
	for _, pair := range [][2]tag.Tag{{tag.AcquisitionDate, tag.AcquisitionTime}, {tag.ContentDate, tag.ContentTime}, {tag.SeriesDate, tag.SeriesTime}} {
		if m := parseDateTime(in.d.Text(pair[0]), in.d.Text(pair[1]), in.zone); !m.IsZero() {
			return m
		}
	}
	return Moment{}
}

// acquisitionType returns this program's word for how an event was acquired.
func (in imaged) acquisitionType(kind Kind) string {
	if kind == Projection {
		if strings.EqualFold(in.d.Text(tag.RadiationSetting), "SC") { // PS3.3 C.8.7.2
			return "fluoroscopy"
		}
		return ""
	}
	if kind != CT {
		return ""
	}
	for _, part := range in.d.Texts(tag.ImageType) {
		if strings.EqualFold(part, "LOCALIZER") {
			return "constant_angle"
		}
	}
	if from := in.holder(tag.AcquisitionType); from != nil { // PS3.3 C.8.15.3.2
		switch word := strings.ToLower(from.Text(tag.AcquisitionType)); word {
		case "spiral", "sequenced", "constant_angle", "stationary", "free":
			return word
		}
	}
	return ""
}

// administrations reads the radiopharmaceuticals of an image.
func (in imaged) administrations(class uid.UID) (all []*Event) {
	activity := element{tag.RadionuclideTotalDose, FieldActivity, "Bq", "MBq"}
	for i, item := range in.d.Items(tag.RadiopharmaceuticalInformationSequence) {
		row := activity
		v := in.value(item, row)
		if class == uid.NuclearMedicineImageStorage { // PS3.3 C.8.4.10 has MBq, and many files Bq all the same
			row.unit = "MBq"
			if v = in.value(item, row); v.Number != nil && v.Number.Cmp(in.t.ActivityMax) > 0 {
				row.unit = "Bq"
				v = in.value(item, row)
				v.flag(in.warnings, WarnUnitNonstandard, "Bq", "MBq")
			}
		}
		e := &Event{Path: tag.RadiopharmaceuticalInformationSequence.String() + "[" + strconv.Itoa(i+1) + "]", Values: Values{v}}
		for _, row := range given {
			if item.Has(row.tag) {
				e.Values = append(e.Values, in.value(item, row))
			}
		}
		for _, row := range []element{
			{tag: tag.RadionuclideCodeSequence, field: "nuclide"},
			{tag: tag.RadiopharmaceuticalCodeSequence, field: "agent"},
			{tag: tag.AdministrationRouteCodeSequence, field: "route"},
		} {
			if v, ok := codedIn(item, row.tag, row.field); ok {
				e.Values = append(e.Values, v)
			}
		}
		e.UID = item.UID(tag.RadiopharmaceuticalAdministrationEventUID)
		e.Started = parseMoment(item.Text(tag.RadiopharmaceuticalStartDateTime), in.zone)
		if !e.Started.IsZero() {
			e.Values = append(e.Values, Value{
				Field: FieldStarted, Path: tag.RadiopharmaceuticalStartDateTime.String(), Raw: e.Started.Raw, Moment: e.Started,
			})
		} else {
			e.Started = parseDateTime(orText(in.d.Text(tag.AcquisitionDate), in.d.Text(tag.StudyDate)), item.Text(tag.RadiopharmaceuticalStartTime), in.zone)
		}
		for _, row := range everywhere {
			if in.d.Has(row.tag) {
				e.Values = append(e.Values, in.value(in.d, row))
			}
		}
		e.Protocol = e.Values.Text(FieldProtocol)
		all = append(all, e)
	}
	return all
}

// value reads an attribute.
func (in imaged) value(from *dicom.Dataset, row element) Value {
	v := Value{Field: row.field, Path: row.tag.String(), RawUnit: row.unit, Raw: strings.Join(from.Texts(row.tag), `\`)}
	if row.unit == "" {
		v.Text = v.Raw
		return v
	}
	if v.Raw == "" {
		if n := from.Floats(row.tag); len(n) > 0 {
			v.Raw = strconv.FormatFloat(n[0], 'g', -1, 64)
		}
	}
	if v.Raw == "" {
		return v
	}
	first, _, several := strings.Cut(v.Raw, `\`)
	n, err := ucum.ParseDecimal(first)
	if err != nil {
		v.flag(in.warnings, WarnUnreadable)
		return v
	}
	if several {
		v.flag(in.warnings, WarnSeveral, strings.Count(v.Raw, `\`)+1)
	}
	kept := ucum.Must(orText(row.kept, row.unit))
	factor, err := ucum.Factor(ucum.Must(row.unit), kept)
	if err != nil {
		v.flag(in.warnings, WarnUnitUnknown, row.unit)
		return v
	}
	stored := n.Mul(factor)
	step, _ := ucum.Step(first)
	v.Number, v.Unit, v.step = &stored, kept.Code(), step.Mul(factor)
	return v
}

// coded reads an attribute that is a code.
func (in imaged) coded(t tag.Tag, f Field) (Value, bool) {
	from := in.holder(t)
	if from == nil {
		return Value{}, false
	}
	return codedIn(from, t, f)
}

// codedIn reads the first code of a sequence.
func codedIn(from *dicom.Dataset, t tag.Tag, f Field) (Value, bool) {
	item := from.Item(t)
	if item == nil {
		return Value{}, false
	}
	c := sr.Code{
		Value: orText(item.Text(tag.CodeValue), item.Text(tag.LongCodeValue)), Scheme: item.Text(tag.CodingSchemeDesignator),
		Meaning: item.Text(tag.CodeMeaning),
	}
	return Value{Field: f, Path: t.String(), Raw: c.Value, Text: c.Meaning, Coded: coded(c)}, true
}

// deviation compares the deviation index that a detector states with the one that
// its exposure indices make: ten times the decimal logarithm of their ratio
// (IEC 62494-1).
func (t Thresholds) deviation(e *Event, w *warnings) {
	index, ok1 := e.Number("exposure_index")
	target, ok2 := e.Number("target_exposure_index")
	stated, ok3 := e.Number("deviation_index")
	if !ok1 || !ok2 || !ok3 || index.Sign() <= 0 || target.Sign() <= 0 {
		return
	}
	made := deviationIndex(index, target)
	if made.Sub(stated).Abs().Cmp(t.Deviation) > 0 {
		w.add(e.Path, WarnDeviation, made, stated)
	}
}
