package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// gather makes the two tables from the facts in the folders facts and pydicom.
func gather(tables, facts, pydicom string) error {
	attributes, err := gatherAttributes(facts, pydicom)
	if err != nil {
		return err
	}
	if err := writeTable(filepath.Join(tables, "attributes.tsv"), "tag\tkeyword\tname\tvr\tvm\tretired", attributes); err != nil {
		return err
	}
	uids, err := gatherUIDs(facts, pydicom)
	if err != nil {
		return err
	}
	return writeTable(filepath.Join(tables, "uids.tsv"), "uid\tkeyword\tname\ttype\tretired\tstorage", uids)
}

// gatherAttributes returns rows of tag, keyword, name, VR, VM and retired. The
// tag is eight hexadecimal digits, X where any digit may stand. Group 0000 is of
// PS3.7 and comes from pydicom.
func gatherAttributes(facts, pydicom string) ([][]string, error) {
	var entries []struct{ Tag, Name, Keyword, ValueRepresentation, ValueMultiplicity, Retired string }
	if err := readJSON(filepath.Join(facts, "attributes.json"), &entries); err != nil {
		return nil, err
	}
	var rows [][]string
	for _, e := range entries {
		if e.ValueRepresentation == "" {
			continue // retired long ago: the standard keeps the number and nothing else
		}
		tag := strings.NewReplacer("(", "", ")", "", ",", "").Replace(e.Tag)
		vr := strings.ReplaceAll(e.ValueRepresentation, " or ", "/")
		if strings.HasPrefix(vr, "See") {
			vr = "" // items and delimiters have none
		}
		old := ""
		if e.Retired == "Y" {
			old = retired
		}
		rows = append(rows, []string{strings.ToUpper(tag), e.Keyword, e.Name, vr, e.ValueMultiplicity, old})
	}
	line := regexp.MustCompile(`^    0x(0000[0-9A-Fa-f]{4}): \('(\w+)', '([^']*)', ["'](.*?)["'], '(\w*)', '(\w+)'\)`)
	err := eachLine(filepath.Join(pydicom, "_dicom_dict.py"), line, func(m []string) {
		rows = append(rows, []string{strings.ToUpper(m[1]), m[6], m[4], m[2], m[3], strings.ToLower(m[5])})
	})
	slices.SortFunc(rows, func(a, b []string) int { return cmp.Compare(a[0], b[0]) })
	return rows, err
}

// gatherUIDs returns rows of UID, keyword, name, type, retired and storage, the
// last for SOP classes whose instances C-STORE carries.
func gatherUIDs(facts, pydicom string) ([][]string, error) {
	rows := map[string][]string{}
	for _, r := range added {
		rows[r[0]] = []string{r[0], r[1], r[2], "Transfer Syntax", "", ""}
	}
	line := regexp.MustCompile(`^    '([0-9.]+)': \('(.*?)', '(.*?)', '(.*?)', '(\w*)', '(\w*)'\)`)
	err := eachLine(filepath.Join(pydicom, "_uid_dict.py"), line, func(m []string) {
		stored := ""
		if m[3] == "SOP Class" && (storedRetired(m[2]) || strings.HasPrefix(m[1], "1.2.840.10008.5.1.4.1.1.") && m[2] == "") {
			stored = "storage"
		}
		rows[m[1]] = []string{m[1], m[6], m[2], m[3], strings.ToLower(m[5]), stored}
	})
	if err != nil {
		return nil, err
	}
	var sops []struct{ Name, ID string }
	if err := readJSON(filepath.Join(facts, "sops.json"), &sops); err != nil {
		return nil, err
	}
	for _, s := range sops {
		if rows[s.ID] == nil {
			rows[s.ID] = []string{s.ID, keyword(s.Name), s.Name, "SOP Class", "", ""}
		}
		if s.Name != "Media Storage Directory Storage" { // lives on media alone (PS3.4 Annex I)
			rows[s.ID][5] = "storage"
		}
	}
	all := make([][]string, 0, len(rows))
	for _, r := range rows {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b []string) int { return compareUIDs(a[0], b[0]) })
	return all, nil
}

// storedRetired reports whether the SOP class of that name, which the standard no
// longer lists as storable, once was.
func storedRetired(name string) bool {
	return strings.Contains(name, "Storage") && !strings.HasPrefix(name, "Storage") && !strings.HasPrefix(name, "Media")
}

// keyword makes the keyword of a name as PS3.6 does: its words with large first
// letters and nothing between them.
func keyword(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return r == ' ' || r == '-' || r == '/' })
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, "")
}

// compareUIDs orders by the numbers between the dots.
func compareUIDs(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), func(x, y string) int {
		i, _ := strconv.ParseUint(x, 10, 64)
		j, _ := strconv.ParseUint(y, 10, 64)
		return cmp.Compare(i, j)
	})
}

// readJSON reads a JSON file into v.
func readJSON(file string, v any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// eachLine calls fn with the matches of every line of file that matches. It
// fails if none does, as then the file has another form than expected.
func eachLine(file string, line *regexp.Regexp, fn func([]string)) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	found := false
	for l := range strings.Lines(string(text)) {
		if m := line.FindStringSubmatch(l); m != nil {
			found = true
			fn(m)
		}
	}
	if !found {
		return fmt.Errorf("%s: no line has the expected form", file)
	}
	return nil
}

// added holds the transfer syntaxes of PS3.6 Table A-1 that pydicom 2.3 does not
// know yet: UID, keyword, name.
var added = [][3]string{
	{"1.2.840.10008.1.2.4.100.1", "MPEG2MPMLF", "Fragmentable MPEG2 Main Profile / Main Level"},
	{"1.2.840.10008.1.2.4.101.1", "MPEG2MPHLF", "Fragmentable MPEG2 Main Profile / High Level"},
	{"1.2.840.10008.1.2.4.102.1", "MPEG4HP41F", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.1"},
	{"1.2.840.10008.1.2.4.103.1", "MPEG4HP41BDF", "Fragmentable MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1"},
	{"1.2.840.10008.1.2.4.104.1", "MPEG4HP422DF", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video"},
	{"1.2.840.10008.1.2.4.105.1", "MPEG4HP423DF", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video"},
	{"1.2.840.10008.1.2.4.106.1", "MPEG4HP42STEREOF", "Fragmentable MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2"},
	{"1.2.840.10008.1.2.4.110", "JPEGXLLossless", "JPEG XL Lossless"},
	{"1.2.840.10008.1.2.4.111", "JPEGXLJPEGRecompression", "JPEG XL JPEG Recompression"},
	{"1.2.840.10008.1.2.4.112", "JPEGXL", "JPEG XL"},
	{"1.2.840.10008.1.2.4.201", "HTJ2KLossless", "High-Throughput JPEG 2000 Image Compression (Lossless Only)"},
	{"1.2.840.10008.1.2.4.202", "HTJ2KLosslessRPCL", "High-Throughput JPEG 2000 with RPCL Options Image Compression (Lossless Only)"},
	{"1.2.840.10008.1.2.4.203", "HTJ2K", "High-Throughput JPEG 2000 Image Compression"},
	{"1.2.840.10008.1.2.4.204", "JPIPHTJ2KReferenced", "JPIP HTJ2K Referenced"},
	{"1.2.840.10008.1.2.4.205", "JPIPHTJ2KReferencedDeflate", "JPIP HTJ2K Referenced Deflate"},
	{"1.2.840.10008.1.2.8.1", "DeflatedImageFrameCompression", "Deflated Image Frame Compression"},
}
