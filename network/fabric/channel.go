package fabric

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"golang.org/x/sync/errgroup"
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
	channels := "https://" + orderer.adminAddress() + "/participation/v1/channels"
	genesis, err := os.ReadFile(n.genesisFile())
	if err != nil {
		return err
	}
	return poll(ctx, 50*time.Millisecond, func() (bool, error) {
		status, _, err := request(ctx, client, http.MethodGet, channels+"/"+n.channel, "", nil)
		if err != nil {
			return false, err // the endpoint opens a moment after the main listener
		}
		if status == http.StatusOK {
			return true, nil
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
	ca, err := loadAuthority(n.orderingFolder(orderer, "tlsca"))
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
			RootCAs:      ca.roots(),
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

// awaitLevel waits until every peer here has the blocks that the highest of them
// has now. One that has lost its data takes as long as the chain is.
func (n *Network) awaitLevel(ctx context.Context) error {
	heights := map[string]uint64{}
	var highest uint64
	var silent error
	for _, plan := range n.plan.Peers {
		if !n.isHere(plan.name()) {
			continue
		}
		height, err := n.peerHeight(ctx, plan)
		if err != nil {
			// That of an organisation which joined later knows nobody, its own
			// administrator included, until it has read the block that brought it in.
			height, silent = 0, err
		}
		heights[plan.MSPID], highest = height, max(highest, height)
	}
	if highest == 0 {
		return silent
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, plan := range n.plan.Peers {
		height, here := heights[plan.MSPID]
		if !here || height >= highest {
			continue
		}
		if highest-height > 100 {
			n.logger.Warn("a peer fetches the blocks that it lacks", "peer", plan.name(), "has", height, "of", highest)
		}
		group.Go(func() error {
			return poll(ctx, 50*time.Millisecond, func() (bool, error) {
				height, err := n.peerHeight(ctx, plan)
				if err == nil && height < highest {
					err = fmt.Errorf("%s has %d of %d blocks", plan.name(), height, highest)
				}
				return err == nil, err
			})
		})
	}
	return group.Wait()
}

// joinPeer gives a peer the genesis block unless it is on the channel already.
func (n *Network) joinPeer(ctx context.Context, plan peerPlan) error {
	genesis, err := os.ReadFile(n.genesisFile())
	if err != nil {
		return err
	}
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
		_, err = n.invokePeer(ctx, plan, "", "cscc", []byte("JoinChain"), genesis)
		return err == nil, err
	})
}
