import './style/base.css'
import './style/parts.css'
import './style/screens.css'
import { render } from 'preact'
import { App } from './app.tsx'

const root = document.getElementById('app')
if (root) render(<App />, root)
