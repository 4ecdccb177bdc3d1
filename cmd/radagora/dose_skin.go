package main

import (
	"fmt"
	"io"
	"os"

	"radagora/content"
	"radagora/dicom/pixel"
	"radagora/dose"
	"radagora/dose/skin"
	"radagora/fault"
)

type doseSkinCmd struct {
	JSON  bool     `help:"Print an array with one element for each study, with the dose of every cell."`
	PNG   string   `help:"Draw the map of the study to this file, which must not exist." name:"png" placeholder:"FILE"`
	Files []string `arg:"" name:"file" help:"DICOM file."`
}

func (doseSkinCmd) Help() string {
	return `Estimates from dose reports of angiography and fluoroscopy where and how much the skin was irradiated: a map on
a model of the trunk of the patient's size, its peak, and how far it can be relied on. What is missing or was assumed
is said; nothing is estimated from what is not known. docs/dose-skin.md describes method, assumptions and sources.
Exits with 0 if all could be read, 1 if any could not.

Example:

    radagora dose skin report.dcm --png map.png`
}

// A doseSkin is the map of one study.
type doseSkin struct {
	Study string `json:"study"`
	*skin.Result
}

// Run prints the maps of what the files say together.
func (c doseSkinCmd) Run(sys *system) error {
	library, err := content.Open()
	if err != nil {
		return err
	}
	method, err := skin.Load(library, "")
	if err != nil {
		return err
	}
	var reports []*dose.Report
	bad := 0
	for _, name := range c.Files {
		r, err := readReport(name)
		if err == nil && (r.Kind != dose.Projection || r.Class == dose.FromImage) {
			err = fault.Errorf(fault.Unsupported, "no dose report of projection X-rays")
		}
		if err != nil {
			bad++
			fmt.Fprintf(sys.Err, "radagora: %s: %v\n", name, err)
			continue
		}
		reports = append(reports, r)
	}
	all := []doseSkin{}
	for _, s := range dose.Join(reports) {
		all = append(all, doseSkin{s.UID.String(), method.Estimate(skin.Of(s))})
	}
	if c.JSON {
		err = writeJSON(sys.Out, all)
	} else {
		err = c.print(sys.Out, all)
	}
	if err != nil {
		return err
	}
	if c.PNG != "" {
		if err := c.draw(all); err != nil {
			return err
		}
	}
	return partly(bad, len(c.Files))
}

// print writes the maps for people.
func (doseSkinCmd) print(w io.Writer, all []doseSkin) error {
	for _, s := range all {
		fmt.Fprintf(w, "%s\n  %s\n", s.Study, skinBadges[s.Validity])
		if m := s.Whole; m != nil {
			fmt.Fprintf(w, "  peak skin dose %.4g mGy, %s, %.0f cm below the top of the head, on %.0f mm x %.0f mm of skin\n",
				1000*m.Peak.Dose, m.Peak.Side, m.Peak.Along/10, m.Width, m.Height)
			for _, a := range m.Above {
				fmt.Fprintf(w, "  skin above %g Gy: %.3g cm2\n", a.Dose, a.Area)
			}
			fmt.Fprintf(w, "  %d events, %.0f %% of the dose area product met a trunk %.1f cm wide and %.1f cm deep\n",
				m.Events, 100*m.Caught, s.Body.Width/10, s.Body.Depth/10)
		}
		if len(s.Planes) > 1 {
			for _, p := range s.Planes {
				fmt.Fprintf(w, "  plane %s alone: peak %.4g mGy, %s\n", p.Plane, 1000*p.Peak.Dose, p.Peak.Side)
			}
		}
		for _, i := range s.Items {
			fmt.Fprintf(w, "  %s: %s\n", i.Kind, skinItem(i))
		}
	}
	_, err := fmt.Fprint(w)
	return err
}

// draw writes the map of the only study as PNG.
func (c doseSkinCmd) draw(all []doseSkin) error {
	if len(all) != 1 || all[0].Whole == nil {
		return fault.Errorf(fault.Invalid, "--png draws one map, and there is not exactly one")
	}
	f, err := os.OpenFile(c.PNG, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fault.As(fault.Conflict, err)
	}
	err = pixel.EncodePNG(f, all[0].Whole.Picture(all[0].Body))
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// skinBadges are the validities in words.
var skinBadges = map[skin.Validity]string{
	skin.Validated:   "validated: others have compared the method with measurements for this system",
	skin.Indicative:  "indicative: not validated for this system, or something was assumed",
	skin.NotPossible: "not possible: something is missing",
}

// skinItems are items in words; %g is the value where there is one.
var skinItems = map[string]string{
	skin.NoEvents: "an event with a dose at the reference point", skin.NoDose: "dose at the reference point", skin.NoVoltage: "tube voltage",
	skin.NoAngles: "angles of the positioner", skin.NoTable: "position of the table", skin.NoIsocentre: "distance from source to isocentre",
	skin.NoReference: "distance of the reference point, or a reference point that is known", skin.NoField: "size of the field",
	skin.NoOrientation: "how the patient lay", skin.OtherPosture: "a model for a patient who did not lie head first and supine",
	skin.UnknownDevice: "conventions of this system: which way its angles and positions count",
	skin.OutsideModel:  "a model for a patient of this size: %g", skin.NoBody: "a model of what was irradiated: %.0f %% of the dose area product passes beside the trunk",
	skin.StandardHeight: "height of the patient %g m", skin.StandardMass: "weight of the patient %g kg",
	skin.NoFilter: "no added filter, as the report tells of none", skin.AluminiumFilter: "that filters of aluminium change nothing",
	skin.TableTurned:  "that the table turns and tilts about the isocentre",
	skin.NotValidated: "nobody has validated the method for this system",
	skin.PartBeside:   "%.0f %% of the dose area product passes beside the trunk",
	skin.OneArea:      "the field is taken as a square of its area", skin.HeadEnd: "the head is taken to lie at the head end of the table",
}

// skinItem says an item in words.
func skinItem(i skin.Item) string {
	text := skinItems[i.Code]
	switch i.Code {
	case skin.StandardHeight, skin.StandardMass, skin.OutsideModel:
		text = fmt.Sprintf(text, i.Value)
	case skin.NoBody, skin.PartBeside:
		text = fmt.Sprintf(text, 100*i.Value)
	}
	if i.Events > 0 {
		text += fmt.Sprintf(" (%d events)", i.Events)
	}
	return text
}
