package dose

import (
	"cmp"
	"slices"
	"strings"

	"radagora/dicom/sr"
	"radagora/ucum"
)

// A FileJSON is one report as scripts get it: an element of what "radagora dose
// read FILE… --json" prints. Keys and their order are stable and only ever added
// to at the end of an object; quantities carry their unit in the key; unknown is
// null; numbers are exact. It holds no name or identifier of a patient.
type FileJSON struct {
	File string `json:"file"`
	documentJSON
	Totals      TotalsJSON    `json:"totals"`
	Summed      TotalsJSON    `json:"totals_summed"`
	By          []PartJSON    `json:"totals_by"`
	Events      []EventJSON   `json:"events"`
	Warnings    []WarningJSON `json:"warnings"`
	Error       *string       `json:"error"`
	Kind        *string       `json:"kind"`
	Series      *string       `json:"series_instance_uid"`
	Template    *string       `json:"template"`
	Started     *string       `json:"started"`
	Ended       *string       `json:"ended"`
	StudyDate   *string       `json:"study_date"`
	Description *string       `json:"study_description"`
	Patient     PatientJSON   `json:"patient"`
	Devices     []DeviceJSON  `json:"devices"`
	Values      []ValueJSON   `json:"values"`
	Class       *string       `json:"class"`
}

// documentJSON are the keys that reports and studies have in common.
type documentJSON struct {
	SOPInstance   *string `json:"sop_instance_uid"`
	Study         *string `json:"study_instance_uid"`
	Modality      *string `json:"modality"`
	Manufacturer  *string `json:"manufacturer"`
	Model         *string `json:"model"`
	Software      *string `json:"software"`
	Title         *string `json:"title"`
	EventCount    int     `json:"event_count"`
	DeclaredCount *int64  `json:"declared_event_count"`
}

// A StudyJSON is one study after the identity rules: an element of what "radagora
// dose study FILE… --json" prints.
type StudyJSON struct {
	documentJSON
	Totals   TotalsJSON    `json:"totals"`
	Summed   TotalsJSON    `json:"totals_summed"`
	By       []PartJSON    `json:"totals_by"`
	Events   []EventJSON   `json:"events"`
	Warnings []WarningJSON `json:"warnings"`
	Computed []Field       `json:"totals_computed"`
	Reports  []ReportJSON  `json:"reports"`
}

// A ReportJSON says what became of one report of a study.
type ReportJSON struct {
	SOPInstance *string `json:"sop_instance_uid"`
	State       string  `json:"state"` // "counts", "equal", "superseded" or, of an image, "reported"
	By          *string `json:"by"`    // the report that counts instead
}

// TotalsJSON are totals; all keys are always there.
type TotalsJSON struct {
	DLP        *ucum.Decimal `json:"dlp_mgycm"`
	DAP        *ucum.Decimal `json:"dap_gym2"`
	RP         *ucum.Decimal `json:"rp_gy"`
	AGD        *ucum.Decimal `json:"agd_mgy"`
	Activity   *ucum.Decimal `json:"activity_mbq"`
	FluoroTime *ucum.Decimal `json:"fluoro_time_s"`
	FluoroDAP  *ucum.Decimal `json:"fluoro_dap_gym2"`
	FluoroRP   *ucum.Decimal `json:"fluoro_rp_gy"`
	AcquisDAP  *ucum.Decimal `json:"acquis_dap_gym2"`
	AcquisRP   *ucum.Decimal `json:"acquis_rp_gy"`
	Effective  *ucum.Decimal `json:"effective_msv"`
}

// A PartJSON are the declared totals of one plane or side.
type PartJSON struct {
	Plane      *string `json:"plane"`
	Laterality *string `json:"laterality"`
	TotalsJSON
}

// An EventJSON is one event.
type EventJSON struct {
	UID          *string       `json:"uid"`
	Started      *string       `json:"started"`
	Type         *string       `json:"type"`
	Protocol     *string       `json:"protocol"`
	Plane        *string       `json:"plane"`
	Laterality   *string       `json:"laterality"`
	DLP          *ucum.Decimal `json:"dlp_mgycm"`
	CTDIvol      *ucum.Decimal `json:"ctdivol_mgy"`
	Phantom      *string       `json:"phantom"`
	DAP          *ucum.Decimal `json:"dap_gym2"`
	RP           *ucum.Decimal `json:"rp_gy"`
	AGD          *ucum.Decimal `json:"agd_mgy"`
	Activity     *ucum.Decimal `json:"activity_mbq"`
	FluoroTime   *ucum.Decimal `json:"fluoro_time_s"`
	KVP          *ucum.Decimal `json:"kvp"`
	ExposureMAs  *ucum.Decimal `json:"exposure_mas"`
	ScanLength   *ucum.Decimal `json:"scan_length_mm"`
	CurrentMA    *ucum.Decimal `json:"current_ma"`
	ExposureTime *ucum.Decimal `json:"exposure_time_s"`
	Pitch        *ucum.Decimal `json:"pitch"`
	Collimation  *ucum.Decimal `json:"collimation_mm"`
	Effective    *ucum.Decimal `json:"effective_msv"`
	Region       *CodeJSON     `json:"region"`
	Repeated     *string       `json:"repeated"`
	Comment      *string       `json:"comment"`
	Alert        *CheckJSON    `json:"alert"`
	Notification *CheckJSON    `json:"notification"`
	Path         string        `json:"path"`
	Key          string        `json:"key"`
	Devices      []DeviceJSON  `json:"devices"`
	Values       []ValueJSON   `json:"values"`
}

// A CheckJSON is a dose check. Its values are among those of the event.
type CheckJSON struct {
	DLPConfigured     *string       `json:"dlp_configured"`
	DLPValue          *ucum.Decimal `json:"dlp_value_mgycm"`
	DLPEstimate       *ucum.Decimal `json:"dlp_estimate_mgycm"`
	DLPExceeded       bool          `json:"dlp_exceeded"`
	CTDIvolConfigured *string       `json:"ctdivol_configured"`
	CTDIvolValue      *ucum.Decimal `json:"ctdivol_value_mgy"`
	CTDIvolEstimate   *ucum.Decimal `json:"ctdivol_estimate_mgy"`
	CTDIvolExceeded   bool          `json:"ctdivol_exceeded"`
	Reason            *string       `json:"reason"`
	PersonRole        *string       `json:"person_role"` // of who went on, never a name
}

// A CodeJSON is a coded value as written, and in SNOMED CT.
type CodeJSON struct {
	Code    *string `json:"code"`
	Scheme  *string `json:"scheme"`
	Meaning *string `json:"meaning"`
	SCT     *string `json:"sct"`
}

// A ValueJSON is one coded value with where it came from. Value is a number for
// a quantity and text for everything else.
type ValueJSON struct {
	Path    string   `json:"path"`
	Code    string   `json:"code"`
	Scheme  string   `json:"scheme"`
	Raw     *string  `json:"raw"`
	RawUnit *string  `json:"raw_unit"`
	Value   any      `json:"value"`
	Unit    *string  `json:"unit"`
	Field   Field    `json:"field"`
	Flags   []string `json:"flags"`
}

// A WarningJSON is a warning, in English.
type WarningJSON struct {
	Path    string `json:"path"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// A PatientJSON is what of a patient is no identity.
type PatientJSON struct {
	Sex    *string       `json:"sex"`
	Age    *ucum.Decimal `json:"age"`
	Unit   *string       `json:"age_unit"`
	Height *ucum.Decimal `json:"height_m"`
	Weight *ucum.Decimal `json:"weight_kg"`
}

// A DeviceJSON is a device.
type DeviceJSON struct {
	Role         *string `json:"role"`
	UID          *string `json:"uid"`
	Name         *string `json:"name"`
	Manufacturer *string `json:"manufacturer"`
	Model        *string `json:"model"`
	Serial       *string `json:"serial"`
}

// NewFileJSON returns what scripts get for one file. r may be nil and err may be
// nil; both are given where a report could be read in part.
func NewFileJSON(file string, r *Report, err error) FileJSON {
	out := FileJSON{File: file, By: []PartJSON{}, Events: []EventJSON{}, Warnings: []WarningJSON{}, Devices: []DeviceJSON{}, Values: []ValueJSON{}}
	if err != nil {
		out.Error = text(err.Error())
	}
	if r == nil {
		return out
	}
	out.documentJSON = r.document()
	out.Totals, out.Summed = totalsJSON(r.DeclaredTotals()), totalsJSON(r.Summed())
	out.By, out.Events = partsJSON(r.Parts()), eventsJSON(r.Events)
	out.Warnings = warningsJSON(r.Warnings)
	out.Kind, out.Series, out.Template = text(string(r.Kind)), text(r.Series.String()), text(r.Template)
	out.Started, out.Ended = text(r.Started().String()), text(r.Ended().String())
	out.Class = text(cmp.Or(string(r.Class), string(FromReport)))
	out.StudyDate, out.Description = text(r.StudyDate.Date()), text(r.StudyDescription)
	out.Patient = PatientJSON{
		Sex: text(r.Patient.Sex), Age: r.Patient.Age.Number, Unit: text(r.Patient.Age.Unit),
		Height: r.Patient.Height.Number, Weight: r.Patient.Weight.Number,
	}
	out.Devices = devicesJSON(append([]Device{r.Device}, r.Devices...))
	out.Values = valuesJSON(r.Values)
	for _, t := range r.Totals {
		out.Values = append(out.Values, valuesJSON(t.Values)...)
		for _, c := range t.Calibrations {
			out.Values = append(out.Values, valuesJSON(c.Values)...)
		}
	}
	return out
}

// NewStudyJSON returns what scripts get for one study. What describes a device is
// that of the first report that counts.
func NewStudyJSON(s *Study) StudyJSON {
	out := StudyJSON{
		Totals: totalsJSON(s.Totals), Summed: totalsJSON(s.Summed), By: []PartJSON{},
		Events: eventsJSON(s.Events), Warnings: []WarningJSON{}, Computed: append([]Field{}, s.Computed...),
	}
	var modalities []string
	declared, all := int64(0), true
	for i, r := range s.Reports {
		if i == 0 {
			out.documentJSON = r.document()
		}
		if m := r.Modality(); !slices.Contains(modalities, m) {
			modalities = append(modalities, m)
		}
		n, ok := r.Declared()
		declared, all = declared+n, all && ok
		out.By = append(out.By, partsJSON(r.Parts())...)
		out.Warnings = append(out.Warnings, warningsJSON(r.Warnings)...)
		out.Reports = append(out.Reports, ReportJSON{SOPInstance: text(r.SOPInstance.String()), State: "counts"})
	}
	for _, i := range s.Ignored {
		out.Reports = append(out.Reports, ReportJSON{
			SOPInstance: text(i.Report.SOPInstance.String()), State: string(i.Reason), By: text(i.By.SOPInstance.String()),
		})
	}
	out.Warnings = append(out.Warnings, warningsJSON(s.Warnings)...)
	out.Modality = text(strings.Join(modalities, `\`))
	out.EventCount, out.DeclaredCount = len(s.Events), nil
	if all {
		out.DeclaredCount = &declared
	}
	return out
}

// document returns the keys that reports and studies have in common.
func (r *Report) document() documentJSON {
	d := documentJSON{
		SOPInstance: text(r.SOPInstance.String()), Study: text(r.Study.String()), Modality: text(r.Modality()),
		Manufacturer: text(r.Device.Manufacturer), Model: text(r.Device.Model),
		Software: text(strings.Join(r.Device.Software, `\`)),
		Title:    text(strings.Join([]string{r.Title.Value, r.Title.Scheme, r.Title.Meaning}, "|")), EventCount: len(r.Events),
	}
	if n, ok := r.Declared(); ok {
		d.DeclaredCount = &n
	}
	return d
}

// text returns s for JSON: null if there is none.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// totalsJSON returns totals for JSON.
func totalsJSON(s Sums) TotalsJSON {
	get := func(f Field) *ucum.Decimal {
		if n, ok := s[f]; ok {
			return &n
		}
		return nil
	}
	return TotalsJSON{
		DLP: get(FieldDLP), DAP: get(FieldDAP), RP: get(FieldRP), AGD: get(FieldAGD), Activity: get(FieldActivity),
		FluoroTime: get(FieldFluoroTime), FluoroDAP: get(FieldFluoroDAP), FluoroRP: get(FieldFluoroRP),
		AcquisDAP: get(FieldAcquisDAP), AcquisRP: get(FieldAcquisRP), Effective: get(FieldEffective),
	}
}

// partsJSON returns planes or sides for JSON.
func partsJSON(parts []Part) []PartJSON {
	out := []PartJSON{}
	for _, p := range parts {
		out = append(out, PartJSON{Plane: text(p.Plane), Laterality: text(p.Laterality), TotalsJSON: totalsJSON(p.Totals)})
	}
	return out
}

// eventsJSON returns events for JSON.
func eventsJSON(events []*Event) []EventJSON {
	out := []EventJSON{}
	for _, e := range events {
		out = append(out, eventJSON(e))
	}
	return out
}

// eventJSON returns one event for JSON.
func eventJSON(e *Event) EventJSON {
	get := numbers(e.Values)
	out := EventJSON{
		UID: text(e.UID.String()), Started: text(e.Started.String()), Type: text(e.Type), Protocol: text(e.Protocol),
		Plane: text(e.Plane), Laterality: text(e.Laterality), Phantom: text(e.Phantom), Repeated: text(e.Repeated),
		DLP: get(FieldDLP), CTDIvol: get(FieldCTDIvol), DAP: get(FieldDAP), RP: get(FieldRP), AGD: get(FieldAGD),
		Activity: get(FieldActivity), FluoroTime: get(FieldFluoroTime), KVP: get(FieldKVP),
		ScanLength: get(FieldScanLength), CurrentMA: get(FieldCurrent), ExposureTime: get(FieldExposureTime),
		Pitch: get(FieldPitch), Collimation: get(FieldCollimation), Effective: get(FieldEffective),
		Comment: text(e.Values.Text(FieldComment)), Alert: checkJSON(e.Alert), Notification: checkJSON(e.Notification),
		Path: e.Path, Key: e.Key, Devices: devicesJSON(e.Devices), Values: valuesJSON(e.Values),
		Region: codeJSON(e.Region),
	}
	if charge, ok := e.Number(FieldCharge); ok {
		mAs, _ := ucum.Convert(charge, ucum.Must("uA.s"), ucum.Must("mA.s"))
		out.ExposureMAs = &mAs
	}
	for _, c := range []*Check{e.Alert, e.Notification} {
		if c != nil {
			out.Values = append(out.Values, valuesJSON(c.Values)...)
		}
	}
	return out
}

// numbers returns a function that looks a field up for JSON.
func numbers(vs Values) func(Field) *ucum.Decimal {
	return func(f Field) *ucum.Decimal {
		if n, ok := vs.Number(f); ok {
			return &n
		}
		return nil
	}
}

// checkJSON returns a dose check for JSON, null if none is recorded.
func checkJSON(c *Check) *CheckJSON {
	if c == nil {
		return nil
	}
	get := numbers(c.Values)
	role := ""
	for _, p := range c.Persons {
		role = cmp.Or(role, p.Role.Written.Meaning)
	}
	return &CheckJSON{
		PersonRole:    text(role),
		DLPConfigured: text(c.Configured(FieldDLP)), DLPValue: get(FieldDLPValue),
		DLPEstimate: get(FieldDLPEstimate), DLPExceeded: c.Exceeded(FieldDLP),
		CTDIvolConfigured: text(c.Configured(FieldCTDIvol)), CTDIvolValue: get(FieldCTDIvolValue),
		CTDIvolEstimate: get(FieldCTDIvolEstim), CTDIvolExceeded: c.Exceeded(FieldCTDIvol),
		Reason: text(c.Reason()),
	}
}

// codeJSON returns a code for JSON, null if there is none, not even a meaning.
func codeJSON(c Coded) *CodeJSON {
	if c.Written == (sr.Code{}) {
		return nil
	}
	return &CodeJSON{Code: text(c.Written.Value), Scheme: text(c.Written.Scheme), Meaning: text(c.Written.Meaning), SCT: text(c.SCT.Value)}
}

// valuesJSON returns values for JSON.
func valuesJSON(vs Values) []ValueJSON {
	out := []ValueJSON{}
	for _, v := range vs {
		j := ValueJSON{
			Path: v.Path, Code: v.Code, Scheme: v.Scheme, Raw: text(v.Raw), RawUnit: text(v.RawUnit),
			Unit: text(v.Unit), Field: v.Field, Flags: append([]string{}, v.Flags...),
		}
		switch s := v.String(); {
		case v.Number != nil:
			j.Value = v.Number
		case s != "":
			j.Value = s
		}
		out = append(out, j)
	}
	return out
}

// warningsJSON returns warnings for JSON.
func warningsJSON(ws []Warning) []WarningJSON {
	out := []WarningJSON{}
	for _, w := range ws {
		out = append(out, WarningJSON{Path: w.Path, Code: w.Code, Message: w.Message()})
	}
	return out
}

// devicesJSON returns devices for JSON.
func devicesJSON(devices []Device) []DeviceJSON {
	out := []DeviceJSON{}
	for _, d := range devices {
		out = append(out, DeviceJSON{
			Role: text(d.Role.Written.Meaning), UID: text(d.UID), Name: text(d.Name),
			Manufacturer: text(d.Manufacturer), Model: text(d.Model), Serial: text(d.Serial),
		})
	}
	return out
}
