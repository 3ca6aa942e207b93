package fabric

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
)

// joinOrderer gives an orderer the genesis block through its participation
// endpoint (what osnadmin does) unless it is on the channel already.
func (n *Network) joinOrderer(ctx context.Context, orderer ordererPlan) error {
	client, err := n.participationClient(orderer)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	channels := "https://" + orderer.AdminAddress() + "/participation/v1/channels"
	return poll(ctx, 50*time.Millisecond, func() (bool, error) {
		status, _, err := request(ctx, client, http.MethodGet, channels+"/"+n.channel, "", nil)
		if err != nil {
			return false, err // the endpoint opens a moment after the main listener
		}
		if status == http.StatusOK {
			return true, nil
		}
		genesis, err := n.genesis()
		if err != nil {
			return false, fatal(err)
		}
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		part, err := form.CreateFormFile("config-block", "genesis.block")
		if err != nil {
			return false, fatal(err)
		}
		part.Write(genesis) // into memory
		if err := form.Close(); err != nil {
			return false, fatal(err)
		}
		status, answer, err := request(ctx, client, http.MethodPost, channels, form.FormDataContentType(), &body)
		if err != nil {
			return false, err
		}
		if status != http.StatusCreated {
			return false, fmt.Errorf("%s refused to join channel %s: %d %s", orderer.name(), n.channel, status, answer)
		}
		return true, nil
	})
}

// participationClient speaks as the ordering organisation's administrator.
func (n *Network) participationClient(orderer ordererPlan) (*http.Client, error) {
	roots, err := rootsIn(n.orderingFolder(orderer, "tlsca"))
	if err != nil {
		return nil, err
	}
	folder := n.orderingFolder(orderer, "users/Admin@"+orderer.Domain+"/tls")
	certificate, err := tls.LoadX509KeyPair(filepath.Join(folder, "client.crt"), filepath.Join(folder, "client.key"))
	if err != nil {
		return nil, err
	}
	return &http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{
			RootCAs:      roots,
			Certificates: []tls.Certificate{certificate},
			MinVersion:   tls.VersionTLS12,
		}},
	}, nil
}

func request(ctx context.Context, client *http.Client, method, url, contentType string, body io.Reader) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return 0, nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, answer, err
}

// joinPeer gives a peer the genesis block unless it is on the channel already.
func (n *Network) joinPeer(ctx context.Context, plan peerPlan) error {
	return poll(ctx, 50*time.Millisecond, func() (bool, error) {
		answer, err := n.invokePeer(ctx, plan, "", "cscc", []byte("GetChannels"))
		if err != nil {
			return false, err
		}
		var joined peer.ChannelQueryResponse
		if err := proto.Unmarshal(answer, &joined); err != nil {
			return false, fatal(err)
		}
		if slices.ContainsFunc(joined.GetChannels(), func(c *peer.ChannelInfo) bool { return c.GetChannelId() == n.channel }) {
			return true, nil
		}
		genesis, err := n.genesis()
		if err != nil {
			return false, fatal(err)
		}
		_, err = n.invokePeer(ctx, plan, "", "cscc", []byte("JoinChain"), genesis)
		return err == nil, err
	})
}
