// Command monitor is an outside monitor: it looks at pictures of goods and posts a verdict
// on each that shows defects. It uses nothing but the REST interface and a token of role
// monitor. See docs/outside-monitors.md.
//
//	monitor BASE GTIN LOT PICTURE.png   (the token in TRACELEDGER_TOKEN)
//
// The check is a real one, if a simple one: a bruise on a light fruit is a dark patch, so
// the share of dark pixels within the fruit is the defect area.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	_ "image/png"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"
)

// The model is named by a version and by the hash of what it decides by: with other
// parameters it is another version.
const (
	monitor    = "image-defect"
	version    = "1.0.0"
	parameters = "fruit: luminance 40 to 230 of 255; defect: below 90; warning from 3.00 % of the fruit"
)

func main() {
	if len(os.Args) != 5 || os.Getenv("TRACELEDGER_TOKEN") == "" {
		fmt.Fprintln(os.Stderr, "usage: TRACELEDGER_TOKEN=tlt_… monitor BASE GTIN LOT PICTURE.png")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, "monitor:", err)
		os.Exit(1)
	}
}

func run(base, gtin, lot, picture string) error {
	file, err := os.ReadFile(picture)
	if err != nil {
		return err
	}
	pixels, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		return err
	}
	defect, confidence := look(pixels)
	fmt.Printf("defect %d.%02d %%\n", defect/100, defect%100)

	// The rule first: a verdict names a version that is on file. Again, it is the same record.
	now := time.Now().UTC().Format(time.RFC3339)
	hash := func(content []byte) string { sum := sha256.Sum256(content); return hex.EncodeToString(sum[:]) }
	rule, err := post(base, "/v1/monitor-rules", monitor+"-"+version, map[string]any{
		"claimed": "2026-11-01T00:00:00Z", "monitor": monitor, "version": version,
		"description": "图片瑕疵面积占比", "content": hash([]byte(parameters)),
	})
	if err != nil {
		return err
	}
	fmt.Println("rule", rule["record"])

	// The picture stays at the gateway; the chain holds its hash.
	if _, err := send(base, "/v1/files", "", "application/octet-stream", file); err != nil {
		return err
	}
	level, text := "clear", "图片未见明显瑕疵"
	if defect >= 300 {
		level, text = "warning", fmt.Sprintf("图片瑕疵面积占果面 %d.%02d%%", defect/100, defect%100)
	}
	verdict, err := post(base, "/v1/verdicts", "", map[string]any{
		"claimed": now, "monitor": monitor, "version": version,
		"subject": map[string]string{"kind": "lot", "id": gtin + "~" + url.PathEscape(lot)},
		"finding": "image-defect", "level": level, "text": text,
		"input": hash(file), "files": []string{hash(file)}, "confidenceBP": confidence,
	})
	if err != nil {
		return err
	}
	fmt.Println("verdict", verdict["record"])
	return nil
}

// look gives the share of the fruit that is dark, and how sure it is, in basis points: a
// picture in which much is neither clearly sound nor clearly dark says less.
func look(pixels image.Image) (defect, confidence int) {
	fruit, dark, unsure := 0, 0, 0
	b := pixels.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			red, green, blue, _ := pixels.At(x, y).RGBA()
			luminance := (299*red + 587*green + 114*blue) / 1000 >> 8
			if luminance < 40 || luminance > 230 {
				continue // background
			}
			fruit++
			if luminance < 90 {
				dark++
			}
			if luminance >= 80 && luminance < 100 {
				unsure++
			}
		}
	}
	if fruit == 0 {
		return 0, 0
	}
	return 10_000 * dark / fruit, 10_000 - 10_000*unsure/fruit
}

func post(base, route, key string, request map[string]any) (map[string]any, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	return send(base, route, key, "application/json", body)
}

func send(base, route, key, mediaType string, body []byte) (map[string]any, error) {
	request, err := http.NewRequest(http.MethodPost, base+route, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("TRACELEDGER_TOKEN"))
	request.Header.Set("Content-Type", mediaType)
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusCreated {
		return nil, fmt.Errorf("POST %s: %s %s", route, response.Status, answer)
	}
	var out map[string]any
	return out, json.Unmarshal(answer, &out)
}
