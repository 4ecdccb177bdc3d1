package dose

import "radagora/ucum"

// A scope is the part of a report in which a concept is read. The same concept
// means different things in different parts: 113835 below the total is the
// phantom of the total, in an event that of the event.
type scope int

const (
	inRoot scope = iota
	inCTTotal
	inXRayTotal
	inCalibration
	inCTEvent
	inXRayEvent
	inAdministration
	inOrgan
	inAlert
	inNotification
	inDevice
	inPerson
	inPatient
)

// openers are the concepts whose item begins a scope, with their template row.
var openers = map[string]struct {
	scope scope
	row   string
}{
	"113811|DCM": {inCTTotal, "10012.1"},
	"113819|DCM": {inCTEvent, "10013.1"},
	"113900|DCM": {inAlert, "10015.1"},
	"113908|DCM": {inNotification, "10015.10"},
	"113702|DCM": {inXRayTotal, "10002.1"},
	"122505|DCM": {inCalibration, "10002.3"},
	"113706|DCM": {inXRayEvent, "10003.1"},
	"113502|DCM": {inAdministration, "10022.1"},
	"113517|DCM": {inOrgan, "10023.1"},
	"121118|DCM": {inPatient, "10024.1"},
	"113876|DCM": {inDevice, "1021"},
	"113870|DCM": {inPerson, "1020"},
}

// A kind is the kind of value that a concept has.
type kind int

const (
	number kind = iota
	codes
	texts
	moments
)

// How several values of one concept within one owner become one.
type many int

const (
	first many = iota // the first counts: X-ray sources are not mixed
	mean              // one value for each pulse: their mean counts
)

// A concept is one row of a template: which concept, where, what it means here.
// What is written in no row is not read; it stays in the content tree.
type concept struct {
	in     scope
	key    string // code and scheme of the current edition; see conceptKey
	row    string // template row
	field  Field
	kind   kind
	unit   string // of a number, in the template
	stored string // of a number, here, if not the same
	must   bool   // mandatory in the template, value and all
	many   many

	template, kept ucum.Unit // unit and stored, parsed by index
}

// concepts are the template rows that are read, in the order of the templates.
var concepts = []concept{
	// TID 10011, CT Radiation Dose, and TID 10001, Projection X-Ray Radiation Dose
	{in: inRoot, key: "121058|DCM", row: "10011.2", field: FieldProcedure, kind: codes, must: true},
	{in: inRoot, key: "363703001|SCT", row: "10011.3", field: FieldIntent, kind: codes},
	{in: inRoot, key: "113809|DCM", row: "10011.5", field: FieldStarted, kind: moments},
	{in: inRoot, key: "113810|DCM", row: "10011.6", field: FieldEnded, kind: moments},
	{in: inRoot, key: "113705|DCM", row: "10011.7", field: FieldScope, kind: codes},
	{in: inRoot, key: "121126|DCM", row: "10011.8", field: "performed_step_uid", kind: texts},
	{in: inRoot, key: "110180|DCM", row: "10011.8", field: "scope_study_uid", kind: texts},
	{in: inRoot, key: "121106|DCM", row: "10011.11", field: FieldComment, kind: texts},
	{in: inRoot, key: "113854|DCM", row: "10011.12", field: FieldSource, kind: codes},
	{in: inRoot, key: "122142|DCM", row: "10001.4", field: "device_type", kind: codes},
	{in: inRoot, key: "113945|DCM", row: "10001.8", field: "detector_data", kind: codes},
	{in: inRoot, key: "113943|DCM", row: "10001.9", field: "source_data", kind: codes},
	{in: inRoot, key: "113944|DCM", row: "10001.10", field: "mechanical_data", kind: codes},
	// TID 10021, Radiopharmaceutical Radiation Dose
	{in: inRoot, key: "363589002|SCT", row: "10021.2", field: FieldProcedure, kind: codes},

	// TID 10012, CT Accumulated Dose Data
	{in: inCTTotal, key: "113812|DCM", row: "10012.2", field: FieldEventCount, unit: "{events}", stored: "1", must: true},
	{in: inCTTotal, key: "113813|DCM", row: "10012.3", field: FieldDLP, unit: "mGy.cm", must: true},
	{in: inCTTotal, key: "113835|DCM", row: "10012.3", field: FieldPhantom, kind: codes},
	{in: inCTTotal, key: "113814|DCM", row: "10012.4", field: FieldEffective, unit: "mSv"},
	{in: inCTTotal, key: "370129005|SCT", row: "10012.7", field: "effective_method", kind: codes},
	{in: inCTTotal, key: "121106|DCM", row: "10012.12", field: FieldComment, kind: texts},

	// TID 10013, CT Irradiation Event Data
	{in: inCTEvent, key: "125203|DCM", row: "10013.2", field: FieldProtocol, kind: texts},
	{in: inCTEvent, key: "123014|DCM", row: "10013.3", field: FieldRegion, kind: codes},
	{in: inCTEvent, key: "113820|DCM", row: "10013.4", field: FieldType, kind: codes},
	{in: inCTEvent, key: "113961|DCM", row: "10013.4b", field: "reconstruction", kind: codes},
	{in: inCTEvent, key: "408730004|SCT", row: "10013.5", field: "context", kind: codes},
	{in: inCTEvent, key: "113769|DCM", row: "10013.6", field: FieldUID, kind: texts},
	{in: inCTEvent, key: "111526|DCM", row: "10003.6", field: FieldStarted, kind: moments},
	{in: inCTEvent, key: "113605|DCM", row: "10013.6b", field: FieldLabel, kind: texts},
	{in: inCTEvent, key: "113606|DCM", row: "10013.6c", field: "label_type", kind: codes},
	{in: inCTEvent, key: "128551|DCM", row: "10013.6d", field: FieldRepeated, kind: codes},
	{in: inCTEvent, key: "128552|DCM", row: "10013.6e", field: "repeat_reason", kind: codes},
	{in: inCTEvent, key: "113824|DCM", row: "10013.8", field: FieldExposureTime, unit: "s", must: true},
	{in: inCTEvent, key: "113826|DCM", row: "10013.10", field: FieldSingle, unit: "mm", must: true},
	{in: inCTEvent, key: "113827|DCM", row: "10013.11", field: FieldCollimation, unit: "mm", must: true},
	{in: inCTEvent, key: "113828|DCM", row: "10013.12", field: FieldPitch, unit: "{ratio}", stored: "1"},
	{in: inCTEvent, key: "113823|DCM", row: "10013.13", field: "sources", unit: "{X-Ray sources}", stored: "1", must: true},
	{in: inCTEvent, key: "113832|DCM", row: "10013.15", field: "source_id", kind: texts},
	{in: inCTEvent, key: "113733|DCM", row: "10013.16", field: FieldKVP, unit: "kV", must: true},
	{in: inCTEvent, key: "113833|DCM", row: "10013.17", field: "current_max_ma", unit: "mA", must: true},
	{in: inCTEvent, key: "113734|DCM", row: "10013.18", field: FieldCurrent, unit: "mA", must: true},
	{in: inCTEvent, key: "113834|DCM", row: "10013.19", field: "rotation_s", unit: "s"},
	{in: inCTEvent, key: "113821|DCM", row: "10013.20", field: "filter_al_mm", unit: "mm"},
	{in: inCTEvent, key: "113830|DCM", row: "10013.22", field: FieldCTDIvol, unit: "mGy", must: true},
	{in: inCTEvent, key: "113835|DCM", row: "10013.23", field: FieldPhantom, kind: codes},
	{in: inCTEvent, key: "113836|DCM", row: "10013.24", field: "freeair_factor", unit: "mGy/mA.s"},
	{in: inCTEvent, key: "113837|DCM", row: "10013.25", field: "freeair_mgy", unit: "mGy"},
	{in: inCTEvent, key: "113838|DCM", row: "10013.26", field: FieldDLP, unit: "mGy.cm", must: true},
	{in: inCTEvent, key: "113839|DCM", row: "10013.27", field: FieldEffective, unit: "mSv"},
	{in: inCTEvent, key: "113840|DCM", row: "10013.29", field: "effective_factor", unit: "mSv/mGy.cm"},
	{in: inCTEvent, key: "113930|DCM", row: "10013.30", field: FieldSSDE, unit: "mGy"},
	{in: inCTEvent, key: "113931|DCM", row: "10013.32", field: "lateral_mm", unit: "mm"},
	{in: inCTEvent, key: "113932|DCM", row: "10013.33", field: "ap_mm", unit: "mm"},
	{in: inCTEvent, key: "113933|DCM", row: "10013.34", field: "effective_diameter_mm", unit: "mm"},
	{in: inCTEvent, key: "113842|DCM", row: "10013.36", field: "modulation", kind: texts},
	{in: inCTEvent, key: "121106|DCM", row: "10013.37", field: FieldComment, kind: texts},
	// TID 10014, Scanning Length
	{in: inCTEvent, key: "113825|DCM", row: "10014.1", field: FieldScanLength, unit: "mm", must: true},
	{in: inCTEvent, key: "113893|DCM", row: "10014.2", field: "volume_length_mm", unit: "mm"},
	{in: inCTEvent, key: "113899|DCM", row: "10014.3", field: "exposed_range_mm", unit: "mm"},
	{in: inCTEvent, key: "113895|DCM", row: "10014.4", field: FieldVolumeTop, unit: "mm"},
	{in: inCTEvent, key: "113896|DCM", row: "10014.5", field: FieldVolumeBottom, unit: "mm"},
	{in: inCTEvent, key: "113897|DCM", row: "10014.6", field: FieldZTop, unit: "mm"},
	{in: inCTEvent, key: "113898|DCM", row: "10014.7", field: FieldZBottom, unit: "mm"},
	{in: inCTEvent, key: "112227|DCM", row: "10014.8", field: "frame_of_reference_uid", kind: texts},

	// TID 10015, CT Dose Check Details
	{in: inAlert, key: "113901|DCM", row: "10015.2", field: FieldDLPSet, kind: codes},
	{in: inAlert, key: "113902|DCM", row: "10015.3", field: FieldCTDIvolSet, kind: codes},
	{in: inAlert, key: "113903|DCM", row: "10015.4", field: FieldDLPValue, unit: "mGy.cm"},
	{in: inAlert, key: "113904|DCM", row: "10015.5", field: FieldCTDIvolValue, unit: "mGy"},
	{in: inAlert, key: "113905|DCM", row: "10015.6", field: FieldDLPEstimate, unit: "mGy.cm"},
	{in: inAlert, key: "113906|DCM", row: "10015.7", field: FieldCTDIvolEstim, unit: "mGy"},
	{in: inAlert, key: "113907|DCM", row: "10015.8", field: FieldReason, kind: texts},
	{in: inNotification, key: "113909|DCM", row: "10015.11", field: FieldDLPSet, kind: codes},
	{in: inNotification, key: "113910|DCM", row: "10015.12", field: FieldCTDIvolSet, kind: codes},
	{in: inNotification, key: "113911|DCM", row: "10015.13", field: FieldDLPValue, unit: "mGy.cm"},
	{in: inNotification, key: "113912|DCM", row: "10015.14", field: FieldCTDIvolValue, unit: "mGy"},
	{in: inNotification, key: "113913|DCM", row: "10015.15", field: FieldDLPEstimate, unit: "mGy.cm"},
	{in: inNotification, key: "113914|DCM", row: "10015.16", field: FieldCTDIvolEstim, unit: "mGy"},
	{in: inNotification, key: "113907|DCM", row: "10015.17", field: FieldReason, kind: texts},

	// TID 1002 and 1004, observer; TID 1021, device participant; TID 1020, person participant
	{in: inRoot, key: "121005|DCM", row: "1002.1", field: FieldObserverType, kind: codes},
	{in: inRoot, key: "121012|DCM", row: "1004.1", field: FieldDeviceUID, kind: texts},
	{in: inRoot, key: "121013|DCM", row: "1004.2", field: FieldDeviceName, kind: texts},
	{in: inRoot, key: "121014|DCM", row: "1004.3", field: FieldManufacturer, kind: texts},
	{in: inRoot, key: "121015|DCM", row: "1004.4", field: FieldModel, kind: texts},
	{in: inRoot, key: "121016|DCM", row: "1004.5", field: FieldSerial, kind: texts},
	{in: inRoot, key: "121017|DCM", row: "1004.6", field: FieldLocation, kind: texts},
	{in: inDevice, key: "113877|DCM", row: "1021.2", field: FieldDeviceName, kind: texts},
	{in: inDevice, key: "113878|DCM", row: "1021.3", field: FieldManufacturer, kind: texts},
	{in: inDevice, key: "113879|DCM", row: "1021.4", field: FieldModel, kind: texts},
	{in: inDevice, key: "113880|DCM", row: "1021.5", field: FieldSerial, kind: texts},
	{in: inDevice, key: "121012|DCM", row: "1021.6", field: FieldDeviceUID, kind: texts},
	{in: inPerson, key: "113875|DCM", row: "1020.2", field: FieldRole, kind: codes},
	{in: inPerson, key: "113874|DCM", row: "1020.5", field: fieldPosition, kind: codes},
	{in: inPerson, key: "113873|DCM", row: "1020.4", field: fieldOrganization, kind: texts},
}

// The index of concepts by scope and key.
var conceptOf = index(concepts, projection, administration)

// place is where a concept is looked for.
type place struct {
	in  scope
	key string
}

// index makes tables of concepts findable.
func index(tables ...[]concept) map[place]concept {
	m := map[place]concept{}
	for _, table := range tables {
		for _, c := range table {
			if c.kind == number {
				c.template, c.kept = ucum.Must(c.unit), ucum.Must(c.keptIn())
			}
			m[place{c.in, c.key}] = c
		}
	}
	return m
}
