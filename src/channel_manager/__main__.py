from channel_manager.cli import main

main()
