package main

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"radagora/content"
	"radagora/dicom"
	"radagora/dose"
	"radagora/dose/water"
	"radagora/fault"
)

type doseWaterCmd struct {
	JSON       bool     `help:"Print one object with every slice and what they say together."`
	Correction string   `help:"Correct bodies that the field of view cuts off: anam2017. Without it they are refused." placeholder:"NAME"`
	Files      []string `arg:"" name:"file" help:"DICOM file."`
}

func (doseWaterCmd) Help() string {
	return `Measures the water-equivalent diameter of the body in CT images (AAPM Report 220), and with CTDIvol and its phantom
in the header the size-specific dose (AAPM Reports 204 and 293): for every slice, and as the mean of all that are given,
which should be of one scan. docs/dose-water.md describes method, assumptions and sources.
Exits with 0 if all could be read, 1 if any could not.

Example:

    radagora dose water scan/*.dcm`
}

// A doseWater is what the images of a scan say.
type doseWater struct {
	water.Scan
	Images []water.Slice `json:"images"`
}

// Run prints what every slice says, and all of them.
func (c doseWaterCmd) Run(sys *system) error {
	library, err := content.Open()
	if err != nil {
		return err
	}
	method, err := water.Load(library, "")
	if err != nil {
		return err
	}
	physics, err := dose.LoadPhysics(library, "")
	if err != nil {
		return err
	}
	out := doseWater{Images: []water.Slice{}}
	bad := 0
	for _, name := range c.Files {
		slices, err := c.measure(method, physics, name)
		if err != nil {
			bad++
			fmt.Fprintf(sys.Err, "radagora: %s: %v\n", name, err)
			continue
		}
		out.Images = append(out.Images, slices...)
	}
	out.Scan = water.Sum(out.Images)
	if c.JSON {
		err = writeJSON(sys.Out, out)
	} else {
		err = out.print(sys.Out)
	}
	if err != nil {
		return err
	}
	return partly(bad, len(c.Files))
}

// measure measures the slices of a file.
func (c doseWaterCmd) measure(method *water.Method, physics *dose.Physics, name string) ([]water.Slice, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fault.As(fault.NotFound, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	d, err := dicom.Open(f, info.Size(), nil)
	if err != nil {
		return nil, err
	}
	return method.Image(d, physics, c.Correction)
}

// print writes slices and their mean for people.
func (d doseWater) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, s := range d.Images {
		diameter, size := fmt.Sprintf("Dw %.2f cm", s.Diameter), fmt.Sprintf("SSDE %.3g mGy", s.SSDE)
		if s.Refusal != "" {
			diameter = "no Dw: " + string(s.Refusal)
		}
		if s.NoSSDE != "" {
			size = "no SSDE: " + s.NoSSDE
		}
		fmt.Fprintf(t, "%s\t%d\t%s\tarea %.1f cm2\tmean %.0f HU\tcut %.1f %%\t%s\n", s.Instance, s.Frame, diameter, s.Area, s.Mean, 100*s.Cut, size)
	}
	fmt.Fprintf(t, "mean of %d of %d slices\t\tDw %.2f cm\t%.2f to %.2f cm\t\t\tSSDE %.3g mGy of %d\n",
		d.Measured, d.Slices, d.Diameter, d.Least, d.Most, d.SSDE, d.Sized)
	return t.Flush()
}
