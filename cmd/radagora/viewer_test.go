package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"radagora/access"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/web/viewer"
)

// browserTools returns where Node is, and skips the test if it or the browser is not
// there. The tools stand in test/browser.
func browserTools(t *testing.T) (node, dir string) {
	t.Helper()
	slow(t)
	dir = filepath.Join("..", "..", "test", "browser")
	chromium := os.Getenv("RADAGORA_CHROMIUM")
	if chromium == "" {
		chromium = "/usr/bin/chromium"
	}
	for _, need := range []string{chromium, filepath.Join(dir, "node_modules", "playwright-core")} {
		if _, err := os.Stat(need); err != nil {
			t.Skipf("browser tests need %s (see test/browser/README.md)", need)
		}
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("browser tests need node")
	}
	return node, dir
}

// cookie returns the cookie of somebody of a role who is signed in.
func (w *walk) cookie(role access.Role) string {
	w.Helper()
	base, err := url.Parse(w.server.URL)
	check(w.T, err)
	for _, c := range w.clients[role].Jar.Cookies(base) {
		if strings.HasSuffix(c.Name, "session") {
			return c.Name + "=" + c.Value
		}
	}
	w.Fatalf("nobody is signed in as %s", role)
	return ""
}

// A phantom is a series of square slices of water with a rod that moves from slice to
// slice, so that no two look alike.
type phantom struct {
	number        int // of the study
	modality      string
	class         uid.UID
	slices, side  int
	spacing       float64 // mm between pixels
	thickness     float64 // mm between slices
	water, rod    int16
	intercept     string // what makes HU of stored values; "" has none
	window, level string
	orientation   []string
	position      func(slice int) []string
	patient, id   string
	referring     string
}

// ct and mr are what TestViewer looks at.
func ct() phantom {
	return phantom{
		number: 1, modality: "CT", class: uid.CTImageStorage, slices: 12, side: 128, spacing: 2, thickness: 5,
		water: 1024, rod: 1624, intercept: "-1024", window: "600", level: "100", orientation: []string{"1", "0", "0", "0", "1", "0"},
		position: func(n int) []string { return []string{"-128", "-128", fmt.Sprint(5 * n)} }, patient: "Phantom^Water", id: "PH1",
	}
}

func mr() phantom {
	return phantom{
		number: 2, modality: "MR", class: uid.MRImageStorage, slices: 9, side: 96, spacing: 1.5, thickness: 4,
		water: 300, rod: 900, window: "1000", level: "500", orientation: []string{"0", "1", "0", "0", "0", "-1"},
		position: func(n int) []string { return []string{fmt.Sprint(4 * n), "-72", "72"} }, patient: "Phantom^Gel", id: "PH2",
	}
}

func (p phantom) study() string  { return fmt.Sprintf("1.2.3.7.%d", p.number) }
func (p phantom) series() string { return p.study() + ".1" }

// pixels draws a slice: air, a round of water, and the rod.
func (p phantom) pixels(slice int) []byte {
	half := float64(p.side) / 2
	angle := 2 * math.Pi * float64(slice) / float64(p.slices)
	x0, y0 := half+half/2*math.Cos(angle), half+half/2*math.Sin(angle)
	raw := make([]byte, 0, 2*p.side*p.side)
	for y := range p.side {
		for x := range p.side {
			v := int16(0)
			switch fx, fy := float64(x)+0.5, float64(y)+0.5; {
			case math.Hypot(fx-x0, fy-y0) < half/5:
				v = p.rod
			case math.Hypot(fx-half, fy-half) < 0.9*half:
				v = p.water
			}
			raw = binary.LittleEndian.AppendUint16(raw, uint16(v))
		}
	}
	return raw
}

// file makes the Part 10 file of a slice.
func (p phantom) file(t *testing.T, slice int) []byte {
	t.Helper()
	position := p.position(slice)
	b := dicom.NewBuilder().UID(tag.SOPClassUID, p.class).Text(tag.SOPInstanceUID, fmt.Sprintf("%s.%d", p.series(), slice+1)).
		Text(tag.StudyInstanceUID, p.study()).Text(tag.SeriesInstanceUID, p.series()).Text(tag.FrameOfReferenceUID, p.study()+".2").
		Text(tag.Modality, p.modality).Text(tag.PatientName, p.patient).Text(tag.PatientID, p.id).Text(tag.PatientSex, "O").
		Text(tag.StudyDate, "20260203").Text(tag.StudyTime, "101500").Text(tag.StudyDescription, p.modality+" phantom").
		Text(tag.SeriesDescription, p.modality+" slices").Text(tag.AccessionNumber, "").Text(tag.ReferringPhysicianName, p.referring).Text(tag.StudyID, "1").Int(tag.SeriesNumber, 1).
		Int(tag.InstanceNumber, int64(slice+1)).Text(tag.ImageType, "ORIGINAL", "PRIMARY", "AXIAL").Text(tag.PatientPosition, "HFS").
		Text(tag.ImagePositionPatient, position...).Text(tag.ImageOrientationPatient, p.orientation...).
		Float(tag.PixelSpacing, p.spacing, p.spacing).Float(tag.SliceThickness, p.thickness).Int(tag.SamplesPerPixel, 1).
		Text(tag.PhotometricInterpretation, "MONOCHROME2").Int(tag.Rows, int64(p.side)).Int(tag.Columns, int64(p.side)).
		Int(tag.BitsAllocated, 16).Int(tag.BitsStored, 16).Int(tag.HighBit, 15).Int(tag.PixelRepresentation, 1).
		Text(tag.WindowCenter, p.level).Text(tag.WindowWidth, p.window).Bytes(tag.PixelData, vr.OW, p.pixels(slice))
	if p.intercept != "" {
		b.Text(tag.RescaleIntercept, p.intercept).Text(tag.RescaleSlope, "1").Text(tag.RescaleType, "HU")
	}
	ds, err := b.Dataset()
	check(t, err)
	var out bytes.Buffer
	check(t, dicom.WriteFile(&out, ds, uid.ExplicitVRLittleEndian))
	return out.Bytes()
}

// store sends files by STOW-RS, as a radiographer.
func (w *walk) store(files ...[]byte) {
	w.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	for _, f := range files {
		part, err := m.CreatePart(textproto.MIMEHeader{"Content-Type": {"application/dicom"}})
		check(w.T, err)
		_, err = part.Write(f)
		check(w.T, err)
	}
	check(w.T, m.Close())
	r, err := w.clients[access.Radiographer].Post(w.server.URL+dicomwebRoot+"/studies", `multipart/related; type="application/dicom"; boundary=`+m.Boundary(), &body)
	check(w.T, err)
	defer func() { _ = r.Body.Close() }()
	text, err := io.ReadAll(r.Body)
	check(w.T, err)
	if r.StatusCode != http.StatusOK {
		w.Fatalf("STOW: %s %s", r.Status, text)
	}
}

// keep stores all slices of a phantom.
func (w *walk) keep(p phantom) {
	w.Helper()
	var files [][]byte
	for n := range p.slices {
		files = append(files, p.file(w.T, n))
	}
	w.store(files...)
}

// TestViewerInBrowser opens a CT and an MR series in the image viewer as a radiologist,
// scrolls through the slices and measures with the mouse: the picture changes with each
// slice, the length is that of the phantom, nothing goes wrong in the console, and
// nobody else is asked for anything.
func TestViewerInBrowser(t *testing.T) {
	t.Parallel()
	node, dir := browserTools(t)
	v, err := viewer.New()
	check(t, err)
	if !v.Present() {
		t.Skip("this program was built without the image viewer: go run ./tools/viewer makes it, where npm is installed")
	}
	w := newWalk(t)
	for _, p := range []phantom{ct(), mr()} {
		w.keep(p)
		t.Run(p.modality, func(t *testing.T) {
			run := exec.CommandContext(t.Context(), node, "viewer.mjs", w.server.URL, w.cookie(access.Radiologist), viewer.Study(p.study()))
			run.Dir, run.Stderr = dir, os.Stderr
			out, err := run.Output()
			check(t, err)
			var seen struct {
				Problems []string // what went wrong
				Pictures []string // digests of what the canvas showed, slice by slice
				Notice   string
				Measured string  // as the viewer says it
				Share    float64 // the length drawn, as a share of the side of the picture
			}
			check(t, json.Unmarshal(out, &seen))
			for _, problem := range seen.Problems {
				t.Error(problem)
			}
			different := map[string]bool{}
			for _, one := range seen.Pictures {
				different[one] = true
			}
			if len(seen.Pictures) < 4 || len(different) != len(seen.Pictures) {
				t.Errorf("of %d slices %d look different", len(seen.Pictures), len(different))
			}
			var length float64
			var unit string
			if _, err := fmt.Sscan(seen.Measured, &length, &unit); err != nil || unit != "mm" {
				t.Fatalf("the viewer measured %q: %v", seen.Measured, err)
			}
			want := seen.Share * float64(p.side) * p.spacing
			if math.Abs(length-want) > 0.04*want {
				t.Errorf("measured %s; the phantom has %.1f mm there", seen.Measured, want)
			}
			if !strings.Contains(strings.ToLower(seen.Notice), "diagnos") {
				t.Errorf("the viewer does not say what it is not: %q", seen.Notice)
			}
			t.Logf("%d slices, measured %s of %.1f mm", len(seen.Pictures), seen.Measured, want)
		})
	}
}
