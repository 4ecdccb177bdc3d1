package demo

import "radagora/dicom/sr"

// A term is a coded concept in both generations of SNOMED that machines write:
// SRT, which was in use until 2019 or so, and SCT.
type term struct{ srt, sct, meaning string }

// code returns t as a room writes it.
func (r *room) code(t term) sr.Code {
	if r.srt {
		return sr.Code{Value: t.srt, Scheme: "SRT", Meaning: t.meaning}
	}
	return sr.Code{Value: t.sct, Scheme: "SCT", Meaning: t.meaning}
}

// dcm returns a code of PS3.16 Annex D.
func dcm(value, meaning string) sr.Code {
	return sr.Code{Value: value, Scheme: "DCM", Meaning: meaning}
}

// unit returns a code of UCUM.
func unit(code, meaning string) sr.Code {
	return sr.Code{Value: code, Scheme: "UCUM", Meaning: meaning}
}

// Terms of the templates of PS3.16 that are not codes of DCM.
var (
	termCT          = term{"P5-08000", "77477000", "Computed Tomography X-Ray"} // TID 10011 row 2
	termMammography = term{"P5-40010", "71651007", "Mammography"}               // TID 10001 row 2
	termIntent      = term{"G-C0E8", "363703001", "Has Intent"}                 // TID 10001 row 3
	termDiagnostic  = term{"R-408C3", "261004008", "Diagnostic Intent"}         // CID 3629
	termCombined    = term{"R-002E9", "371931008", "Combined Diagnostic and Therapeutic Procedure"}
	termContext     = term{"G-C32C", "408730004", "Procedure Context"}                           // TID 10013 row 5
	termPlain       = term{"P5-0808E", "399331006", "CT without contrast"}                       // CID 10014
	termContrast    = term{"P5-00100", "27483000", "Diagnostic radiography with contrast media"} // CID 10014
	termSpiral      = term{"P5-08001", "116152004", "Spiral Acquisition"}                        // CID 10013
	termFluoroscopy = term{"P5-06000", "44491008", "Fluoroscopy"}                                // CID 10002
	termAnatomy     = term{"T-D0005", "91723000", "Anatomical structure"}                        // TID 10003 row 9
	termLaterality  = term{"G-C171", "272741003", "Laterality"}                                  // TID 10003 row 10
	termYes         = term{"R-0038D", "373066001", "Yes"}                                        // CID 230
	termAssociated  = term{"G-C2D0", "363589002", "Associated Procedure"}                        // TID 10021 row 2
	termAgent       = term{"F-61FDB", "417881006", "Radiopharmaceutical agent"}                  // TID 10022 row 2
	termNuclide     = term{"C-10072", "89457008", "Radionuclide"}                                // TID 10022 row 3
	termHalfLife    = term{"R-42806", "304283002", "Radionuclide Half Life"}                     // TID 10022 row 4
	termRoute       = term{"G-C340", "410675002", "Route of administration"}                     // TID 10022 row 20
	termIntravenous = term{"G-D101", "47625008", "Intravenous route"}                            // CID 11
	termNo          = term{"R-00339", "373067005", "No"}                                         // CID 230
	termTungsten    = term{"C-164F9", "105874009", "Tungsten or Tungsten compound"}
	termRhodium     = term{"C-167F9", "105877002", "Rhodium or Rhodium compound"}
)

// regions are the words of demo/department for parts of the body (CID 4031, 4009).
var regions = map[string]term{
	"head":                      {"T-D1100", "69536005", "Head"},
	"face":                      {"T-D1200", "89545001", "Face"},
	"cervical spine":            {"T-11501", "122494005", "Cervical spine"},
	"chest":                     {"T-D3000", "51185008", "Chest"},
	"heart":                     {"T-32000", "80891009", "Heart"},
	"abdomen":                   {"T-D4000", "113345001", "Abdomen"},
	"pelvis":                    {"T-D6000", "12921003", "Pelvis"},
	"abdomen pelvis":            {"R-FAB57", "416949008", "Abdomen and Pelvis"},
	"chest abdomen pelvis":      {"R-FAB56", "416775004", "Chest, Abdomen and Pelvis"},
	"neck chest abdomen pelvis": {"R-FAB54", "416319003", "Neck, Chest, Abdomen and Pelvis"},
	"lumbar spine":              {"T-11503", "122496007", "Lumbar spine"},
	"knee":                      {"T-D9200", "72696002", "Knee"},
	"hand":                      {"T-D8700", "85562004", "Hand"},
	"shoulder":                  {"T-D2220", "16982005", "Shoulder"},
	"breast":                    {"T-04000", "76752008", "Breast"},
	"whole body":                {"T-D0010", "38266002", "Entire body"},
}

// sides are the words for left and right (CID 244), breasts those with what hangs
// on them (CID 6022).
var (
	sides   = map[string]term{"left": {"G-A101", "7771000", "Left"}, "right": {"G-A100", "24028007", "Right"}}
	breasts = map[string]term{"left": {"T-04030", "80248007", "Left breast"}, "right": {"T-04020", "73056007", "Right breast"}}
)

// projections are the words for image views (CID 4010, 4014).
var projections = map[string]term{
	"AP":  {"R-10206", "399348003", "antero-posterior"},
	"PA":  {"R-10214", "272479007", "postero-anterior"},
	"LAT": {"R-10236", "399173006", "left lateral"},
	"CC":  {"R-10242", "399162004", "cranio-caudal"},
	"MLO": {"R-10226", "399368009", "medio-lateral oblique"},
}

// nuclides are the words of demo/department for radionuclides (CID 18), agents those
// for what bears them (CID 4021): those without a code here have one of the department.
var (
	nuclides = map[string]term{"F-18": {"C-111A1", "77004003", "^18^Fluorine"}, "Tc-99m": {"C-163A8", "72454004", "^99m^Technetium"}}
	agents   = map[string]sr.Code{
		"FDG":           {Value: "35321007", Scheme: "SCT", Meaning: "Fluorodeoxyglucose F^18^"},
		"medronate":     {Value: "MEDRONATE", Scheme: "99DEMO", Meaning: "Technetium Tc^99m^ medronate"},
		"pertechnetate": {Value: "PERTECHNETATE", Scheme: "99DEMO", Meaning: "Technetium Tc^99m^ pertechnetate"},
	}
)

// region returns the code of a part of the body; none for what is not listed,
// such as a phantom.
func (r *room) region(word string) sr.Code {
	if t, ok := regions[word]; ok {
		return r.code(t)
	}
	return sr.Code{}
}

// phantomCodes are the phantoms a CTDIvol refers to (CID 4052).
var phantomCodes = map[string]sr.Code{
	"head16": dcm("113690", "IEC Head Dosimetry Phantom"),
	"body32": dcm("113691", "IEC Body Dosimetry Phantom"),
}
