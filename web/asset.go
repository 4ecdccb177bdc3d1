package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:generate templ generate -include-version=false

//go:embed asset
var assetFiles embed.FS

// assets are the style sheet, the script modules and the icon. Their address
// holds the digest of all of them, so browsers may keep them for ever.
type assets struct {
	digest string
	files  map[string][]byte
}

// readAssets joins the parts of the style sheet in the order of their names and
// takes the digest.
func readAssets() *assets {
	a := &assets{files: map[string][]byte{}}
	digest := sha256.New()
	err := fs.WalkDir(assetFiles, "asset", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := assetFiles.ReadFile(name)
		if err != nil {
			return err
		}
		digest.Write(text)
		if path.Ext(name) == ".css" {
			a.files["style.css"] = append(a.files["style.css"], text...)
		} else {
			a.files[path.Base(name)] = text
		}
		return nil
	})
	if err != nil {
		panic("web: embedded assets: " + err.Error()) // the program was built wrongly
	}
	a.digest = hex.EncodeToString(digest.Sum(nil))[:12]
	return a
}

// path returns the address of an asset.
func (a *assets) path(name string) string { return "/assets/" + a.digest + "/" + name }

// ServeHTTP answers with an asset, with 304 if the browser has it.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	digest, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/assets/"), "/")
	text, ok := a.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", mediaType(name))
	h.Set("ETag", `"`+a.digest+`"`)
	if digest == a.digest {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}

// mediaType returns the media type for a file name.
func mediaType(name string) string {
	switch ext := path.Ext(name); ext {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	default:
		return mime.TypeByExtension(ext)
	}
}

// pictureStyle is the style sheet for a chart that stands alone: tokens and
// marks, in light colours, because it will be put into a document.
func (a *assets) pictureStyle() string {
	var b strings.Builder
	b.WriteString(":root{color-scheme:light}")
	for _, name := range []string{"0-tokens.css", "3-glyph.css", "4-chart.css"} {
		text, err := assetFiles.ReadFile("asset/style/" + name)
		if err == nil {
			b.Write(text)
		}
	}
	b.WriteString(":root{color-scheme:light}")
	return b.String()
}
