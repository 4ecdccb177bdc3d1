package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGenerated makes the tables again, where the package is at hand.
func TestGenerated(t *testing.T) {
	pkg := os.Getenv("RADAGORA_FHIR_EXAMPLES")
	if pkg == "" {
		pkg = "../../.work/fhir-examples/package"
	}
	if !exists(pkg) {
		t.Skip("FHIR examples not found: run go run ./tools/fhirtables -fetch")
	}
	tables, err := makeTables(pkg)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range tables {
		got, err := os.ReadFile(filepath.Join("../../fhir/table", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("fhir/table/%s is not what the package makes; run: go run ./tools/fhirtables", name)
		}
	}
}

// TestNoPackage leaves the tables as they are: go generate needs no network.
func TestNoPackage(t *testing.T) {
	root := t.TempDir()
	var out strings.Builder
	if code := run(t.Context(), []string{"-root", root, "-package", filepath.Join(root, "none")}, &out); code != 0 {
		t.Errorf("run = %d; want 0", code)
	}
	if !strings.Contains(out.String(), "stay as they are") {
		t.Errorf("it says %q", out.String())
	}
	if code := run(t.Context(), []string{"-nonsense"}, io.Discard); code != 2 {
		t.Errorf("run of a wrong flag = %d; want 2", code)
	}
}

// TestFromFiles makes tables of a small package.
func TestFromFiles(t *testing.T) {
	pkg := t.TempDir()
	for name, text := range map[string]string{
		"StructureDefinition-Extension.json": `{"type":"Extension","kind":"complex-type","baseDefinition":"http://hl7.org/fhir/StructureDefinition/Element","snapshot":{"element":[
			{"path":"Extension","base":{"path":"Extension"}},
			{"path":"Extension.id","min":0,"max":"1","base":{"path":"Element.id"},"type":[{"code":"http://hl7.org/fhirpath/System.String"}]},
			{"path":"Extension.url","min":1,"max":"1","base":{"path":"Extension.url"},"type":[{"code":"http://hl7.org/fhirpath/System.String"}]},
			{"path":"Extension.value[x]","min":0,"max":"1","base":{"path":"Extension.value[x]"},"type":[{"code":"code"},{"code":"Age"}]}]}}`,
		"StructureDefinition-Element.json": `{"type":"Element","kind":"complex-type","snapshot":{"element":[
			{"path":"Element"},
			{"path":"Element.id","min":0,"max":"1","base":{"path":"Element.id"},"type":[{"code":"http://hl7.org/fhirpath/System.String"}]}]}}`,
		"StructureDefinition-Thing.json": `{"type":"Thing","kind":"resource","abstract":true,"baseDefinition":"x/Element","snapshot":{"element":[
			{"path":"Thing"},
			{"path":"Thing.id","min":1,"max":"1","base":{"path":"Element.id"},"type":[{"code":"http://hl7.org/fhirpath/System.String"}]},
			{"path":"Thing.part","min":0,"max":"*","base":{"path":"Thing.part"},"type":[{"code":"BackboneElement"}]},
			{"path":"Thing.part.part","min":0,"max":"*","base":{"path":"Thing.part.part"},"contentReference":"#Thing.part"},
			{"path":"Thing.part.value[x]","min":0,"max":"1","base":{"path":"Thing.part.value[x]"},"type":[{"code":"code"},{"code":"Age"}]},
			{"path":"Thing.kind","min":1,"max":"1","base":{"path":"Thing.kind"},"type":[{"code":"code"}],"binding":{"strength":"required","valueSet":"http://v/kinds|4.0.1"}},
			{"path":"Thing.unit","min":0,"max":"1","base":{"path":"Thing.unit"},"type":[{"code":"code"}],"binding":{"strength":"required","valueSet":"http://v/units"}},
			{"path":"Thing.other","min":0,"max":"1","base":{"path":"Thing.other"},"type":[{"code":"code"}],"binding":{"strength":"example","valueSet":"http://v/others"}}]}}`,
		"StructureDefinition-code.json":    `{"type":"code","kind":"primitive-type","snapshot":{"element":[{"path":"code"},{"path":"code.value","min":0,"max":"1"}]}}`,
		"StructureDefinition-profile.json": `{"type":"Thing","kind":"resource","derivation":"constraint"}`,
		"ValueSet-kinds.json":              `{"url":"http://v/kinds","compose":{"include":[{"system":"http://c/all"},{"system":"http://c/some","concept":[{"code":"x"}]}]}}`,
		"ValueSet-units.json":              `{"url":"http://v/units","compose":{"include":[{"system":"http://unitsofmeasure.org"}]}}`,
		"Bundle-searchParams.json": `{"entry":[
			{"resource":{"code":"patient","type":"reference","base":["Thing","Other"],"target":["Patient","Group"],"expression":"Thing.who.where(a = 'x|y') | Other.patient | (Thing.value as Reference)"}},
			{"resource":{"code":"name","type":"string","base":["Other"],"expression":"name | alias"}},
			{"resource":{"code":"pair","type":"composite","base":["Other"],"expression":"Other"}},
			{"resource":{"code":"_text","type":"string","base":["Other"]}}]}`,
		"CodeSystem-all.json": `{"url":"http://c/all","content":"complete","concept":[{"code":"a","concept":[{"code":"b"}]},{"code":"c"}]}`,
	} {
		if err := os.WriteFile(filepath.Join(pkg, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tables, err := makeTables(pkg)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"elements.tsv": heading + strings.Join([]string{
			"=Element\tcomplex\t-", "id\t0..1\tstring",
			"=Extension\tcomplex\tElement", "url\t1..1\turi", "value[x]\t0..1\t*",
			"=Thing\tabstract\tElement", "id\t1..1\tstring", // it states more than Element.id does
			"part\t0..*\tBackboneElement", "part.part\t0..*\t#part", "part.value[x]\t0..1\t*",
			"kind\t1..1\tcode\tkinds", "unit\t0..1\tcode\tunits", "other\t0..1\tcode",
			"=code\tprimitive\t-",
			"=*\tcode Age\n",
		}, "\n"),
		"search.tsv": heading + "=Other\nname\tstring\tname | alias\npatient\treference\tOther.patient\tPatient Group\n" +
			"=Thing\npatient\treference\tThing.who.where(a = 'x|y') | (Thing.value as Reference)\tPatient Group\n",
		"valuesets.tsv": heading + "kinds\thttp://c/all\ta b c\nkinds\thttp://c/some\tx\n",
	}
	for name, text := range want {
		if diff := cmp.Diff(text, string(tables[name])); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestExpandRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		set  string
	}{
		{"excluded codes", `{"compose":{"exclude":[{"system":"a"}]}}`},
		{"a filter", `{"compose":{"include":[{"system":"a","filter":[{}]}]}}`},
		{"another value set", `{"compose":{"include":[{"valueSet":["a"]}]}}`},
		{"a code with a blank", `{"compose":{"include":[{"system":"a","concept":[{"code":"x y"}]}]}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "set.json")
			if err := os.WriteFile(file, []byte(c.set), 0o600); err != nil {
				t.Fatal(err)
			}
			var set valueSet
			if err := readJSON(file, &set); err != nil {
				t.Fatal(err)
			}
			if lines, err := expand(set, nil); err == nil {
				t.Errorf("expand = %q; want an error", lines)
			}
		})
	}
}

func TestUnpack(t *testing.T) {
	for _, c := range []struct {
		name, entry string
		kind        byte
		ok          bool
	}{
		{"a file", "package/a.json", tar.TypeReg, true},
		{"a file elsewhere", "other/a.json", tar.TypeReg, false},
		{"a file above", "package/../a.json", tar.TypeReg, false},
		{"a file below", "package/b/a.json", tar.TypeReg, false},
		{"a link", "package/a.json", tar.TypeSymlink, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			zip := gzip.NewWriter(&b)
			w := tar.NewWriter(zip)
			head := &tar.Header{Name: c.entry, Typeflag: c.kind, Mode: 0o644}
			if c.kind == tar.TypeReg {
				head.Size = 2
			}
			if err := w.WriteHeader(head); err != nil {
				t.Fatal(err)
			}
			if c.kind == tar.TypeReg {
				if _, err := w.Write([]byte("{}")); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if err := zip.Close(); err != nil {
				t.Fatal(err)
			}
			folder := filepath.Join(t.TempDir(), "out", "package")
			_, err := unpack(b.Bytes(), folder)
			if _, there := os.Stat(filepath.Join(folder, "a.json")); (err == nil) != c.ok || (there == nil) != c.ok {
				t.Errorf("unpack = %v, file there: %v; want ok %v", err, there == nil, c.ok)
			}
		})
	}
}
