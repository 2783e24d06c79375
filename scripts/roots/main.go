// Command roots prints the certificate authorities that the image trusts, as PEM: Mozilla's, by the version of their Go module that
// go.mod names, so that an image does not depend on the machine that it is packed on.
//
// A module of its own: blfbridge itself does not need it.
package main

import (
	"encoding/pem"
	"fmt"
	"os"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

func main() {
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue // trusted for some certificates only, which PEM cannot say
		}
		if err := pem.Encode(os.Stdout, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			fmt.Fprintln(os.Stderr, "roots:", err)
			os.Exit(1)
		}
	}
}
