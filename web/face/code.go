package face

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/a-h/templ"
	"rsc.io/qr"
)

// Code draws a text as a QR code (ISO/IEC 18004, level M) that cameras read: dark on
// white whatever the colours of the page are, with the quiet zone of four modules. name is
// what it says to those who do not see it. A text that no code holds draws nothing.
func Code(name, text string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		code, long := qr.Encode(text, qr.M)
		if long != nil {
			return nil //nolint:nilerr // no code holds the text: nothing is drawn
		}
		const quiet = 4
		side := code.Size + 2*quiet
		var path strings.Builder
		for y := range code.Size {
			for x := range code.Size {
				if code.Black(x, y) {
					fmt.Fprintf(&path, "M%d %dh1v1h-1z", x+quiet, y+quiet)
				}
			}
		}
		_, err := fmt.Fprintf(w, `<svg class="code" role="img" aria-label="%s" viewBox="0 0 %d %d" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h%dv%dH0z"></path><path fill="#000" d="%s"></path></svg>`,
			templ.EscapeString(name), side, side, side, side, path.String())
		return err
	})
}
