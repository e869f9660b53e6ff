"""The agent: Terminus 2's protocol and loop over a Terminal and a Teacher."""
