package webtest

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"radagora/fault"
	"radagora/web"
	"radagora/web/face"
)

// pageSize is how many examinations a list shows at once.
const pageSize = 25

// Examinations implements web.DoseCT.
func (w *World) Examinations(_ context.Context, q web.DoseQuery, row, after string) (web.DoseExaminations, error) {
	i := rowIndex(row)
	if i < 0 || w.Empty {
		return web.DoseExaminations{}, fault.Errorf(fault.NotFound, "no row %q", row)
	}
	r := specs[i].row(i, q.Language)
	list := web.DoseExaminations{Row: r}
	start := 0
	if after != "" {
		if _, err := fmt.Sscanf(after, "%d", &start); err != nil {
			return list, fault.Errorf(fault.Invalid, "%q is no key of this list", after)
		}
	}
	for k := start; k < r.N && k < start+pageSize; k++ {
		item := web.DoseItem{
			ID: fmt.Sprintf("e%d-%d", i, k), At: Now().Add(-time.Duration(k)*37*time.Hour - time.Duration(i)*time.Hour),
			Protocol: "EXAMPLE " + strings.ToUpper(r.Exam.Code[2:]), Weight: 52 + float64(k*7%36), Value: r.Median * noise(k+i*1000, 0.36), Events: 2 + k%3, Origin: "report",
		}
		if k%9 == 4 && len(r.Excluded) > 0 {
			item.Left = "multi_region"
		}
		list.Items = append(list.Items, item)
	}
	if start+pageSize < r.N {
		list.Next = fmt.Sprint(start + pageSize)
	}
	return list, nil
}

// objectUID is the one object of the made-up installation.
const objectUID = "2.25.100000000000000000000000000000000001"

// Examination implements web.DoseCT.
func (w *World) Examination(_ context.Context, q web.DoseQuery, id string) (web.DoseExamination, error) {
	language := q.Language
	i := 0
	if _, err := fmt.Sscanf(id, "e%d-", &i); err != nil || i < 0 || i >= len(specs) || w.Empty {
		return web.DoseExamination{}, fault.Errorf(fault.NotFound, "no examination %q", id)
	}
	r := specs[i].row(i, language)
	value := func(quantity string, v float64, unit, raw, rawUnit, path string) web.DoseValue {
		return web.DoseValue{Quantity: quantity, Value: v, Known: true, Unit: unit, Raw: raw, RawUnit: rawUnit, Origin: "report", Object: objectUID, Path: path}
	}
	at := Now().Add(-37 * time.Hour)
	dlp, dap := 1201.4, 0.31
	e := web.DoseExamination{
		ID: id, StudyUID: "2.25.200000000000000000000000000000000002", At: at, Room: r.Room, Machine: "Example Maker, Model One", Software: "V1.2", Protocol: "EXAMPLE HEAD",
		Exam: r.Exam, Indication: r.Indication, KnownBy: r.KnownBy, AssignedBy: "order",
		Order: "A100", From: "order", FromName: "CT-HEAD (99RIS)", Reason: "I63.9 (I10)", Day: at.Format("2006-01-02"), MaySay: true,
		Sizes: []web.BodySaid{
			{Kind: "weight", Value: 72, Unit: "kg", Source: "hl7", Origin: "Example HIS", Days: 12, Used: true, Examination: true},
			{Kind: "weight", Value: 700, Unit: "kg", Source: "dicom", Why: "impossible", Examination: true},
			{Kind: "height", Value: 1.7, Unit: "m", Source: "person", Origin: "Someone", Days: -3, Used: true, Examination: true},
		},
		Totals: []web.DoseTotal{
			{Quantity: "dlp", Unit: "mGy.cm", Value: &dlp, Declared: &dlp, Summed: &dlp, Events: 3, Method: "summed", Origin: "report", Basis: "reported"},
			{Quantity: "dap", Unit: "Gy.cm2", Summed: &dap, Value: &dap, Events: 1, Method: "summed", Origin: "image", Basis: "corrected"},
		},
		Whole:   []web.DoseTotal{{Quantity: "dap", Part: "A", Unit: "Gy.cm2", Declared: &dap, Value: &dap}},
		Sets:    []web.SetUse{{ID: "dose/exam", Title: "Examinations", Edition: "1", Licence: "CC0-1.0", Status: "draft"}},
		Sources: []web.DoseSource{{SOPInstanceUID: objectUID, Title: "X-Ray Radiation Dose Report", At: at.Add(4 * time.Minute)}, {SOPInstanceUID: objectUID, Title: "X-Ray Radiation Dose Report", At: at.Add(2 * time.Minute), Superseded: true}},
		Warnings: []web.DoseWarning{{Path: "1.4.3", Code: "unit_assumed", Text: word(language, "The value has no unit; the template's unit was assumed.",
			"Der Wert hat keine Einheit; die der Vorlage wurde angenommen.", "La valeur n’a pas d’unité ; celle du modèle a été supposée.")}},
	}
	for k, kind := range []string{"Constant Angle Acquisition", "Spiral Acquisition", "Spiral Acquisition"} {
		path := fmt.Sprintf("1.%d", k+3)
		ev := web.DoseEvent{UID: fmt.Sprintf("2.25.30000000000000000000000000000000000%d", k), Started: at.Add(time.Duration(k) * 40 * time.Second), Type: kind, Protocol: "EXAMPLE", Counted: k > 0}
		if k > 0 {
			ev.Values = append(ev.Values, value("dlp", 600.7, "mGy.cm", "600.70", "mGy.cm", path+".3"), value("ctdivol", 42.4, "mGy", "42.40", "mGy", path+".4"))
		} else {
			ev.Values = append(ev.Values, web.DoseValue{Quantity: "dlp", Unit: "mGy.cm", Origin: "report", Object: objectUID, Path: path + ".3"})
		}
		kvp := value("kvp", 120, "kV", "120", "", path+".5")
		kvp.Flags = []string{"unit_assumed"}
		ev.Values = append(ev.Values, kvp, value("exposure_time", 3.2, "s", "3.20", "s", path+".6"), value("scan_length", 156, "mm", "156", "mm", path+".7"))
		e.Events = append(e.Events, ev)
	}
	return e, nil
}

// Object implements web.Objects.
func (w *World) Object(_ context.Context, _ web.Person, _, uid string) (web.Object, error) {
	if uid != objectUID {
		return web.Object{}, fault.Errorf(fault.NotFound, "no object %s", uid)
	}
	event := func(path string) face.Node {
		return face.Node{Label: "CT Acquisition", Note: "CONTAINER 113819 DCM", Path: path, Children: []face.Node{
			{Label: "Acquisition Protocol", Value: "EXAMPLE", Note: "TEXT 125203 DCM", Path: path + ".1"},
			{Label: "Irradiation Event UID", Value: "2.25.300000000000000000000000000000000001", Note: "UIDREF 113769 DCM", Path: path + ".2"},
			{Label: "DLP", Value: "600.70 mGy.cm", Note: "NUM 113838 DCM", Path: path + ".3"},
			{Label: "Mean CTDIvol", Value: "42.40 mGy", Note: "NUM 113830 DCM", Path: path + ".4"},
			{Label: "KVP", Value: "120 kV", Note: "NUM 113733 DCM", Path: path + ".5"},
		}}
	}
	return web.Object{
		SOPInstanceUID: uid, SOPClass: "X-Ray Radiation Dose SR", TransferSyntax: "Explicit VR Little Endian", Size: 18432, SHA256: strings.Repeat("0123456789abcdef", 4),
		Received: Now().Add(-36 * time.Hour), Door: "demo", From: "EXAMPLE_CT1", Title: "X-Ray Radiation Dose Report",
		SR: []face.Node{{Label: "X-Ray Radiation Dose Report", Note: "CONTAINER 113701 DCM", Path: "1", Open: true, Children: []face.Node{
			{Label: "Procedure reported", Value: "Computed Tomography X-Ray", Note: "CODE 121058 DCM", Path: "1.1"},
			{Label: "CT Accumulated Dose Data", Note: "CONTAINER 113811 DCM", Path: "1.2", Children: []face.Node{
				{Label: "Total Number of Irradiation Events", Value: "3 {events}", Note: "NUM 113812 DCM", Path: "1.2.1"},
				{Label: "CT Dose Length Product Total", Value: "1201.4 mGy.cm", Note: "NUM 113813 DCM", Path: "1.2.2"},
			}},
			event("1.3"), event("1.4"), event("1.5"),
		}}},
		Header: []face.Node{
			{Label: "SOP Class UID", Value: "1.2.840.10008.5.1.4.1.1.88.67", Note: "(0008,0016) UI"},
			{Label: "Modality", Value: "SR", Note: "(0008,0060) CS"},
			{Label: "Manufacturer", Value: "Example Maker", Note: "(0008,0070) LO"},
			{Label: "Concept Name Code Sequence", Note: "(0040,A043) SQ", Children: []face.Node{{Label: "Code Value", Value: "113701", Note: "(0008,0100) SH"}}},
		},
	}, nil
}

// File implements web.Objects.
func (*World) File(_ context.Context, _ web.Person, uid string, _ bool) (io.ReadCloser, error) {
	if uid != objectUID {
		return nil, fault.Errorf(fault.NotFound, "no object %s", uid)
	}
	return io.NopCloser(strings.NewReader("made up")), nil
}

// Compare implements web.Objects.
func (*World) Compare(_ context.Context, uid, with string) (web.Comparison, error) {
	return web.Comparison{A: web.Compared{UID: uid}, B: web.Compared{UID: with}}, nil
}
